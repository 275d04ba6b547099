import { InputError, type ItemId } from "@poeem/pq-core";
import { type Answer, type AnswerOptions, answerQuestion, type Question, type Searched } from "@poeem/towers";

/**
 * A query of the data as a search answers it; undefined where nothing of it is known. Of a text that only says what to
 * leave out, such as "-red", a person is told to ask otherwise. As a query of the data it finds nothing.
 */
export async function askOnce(
  searched: Searched,
  question: Question<ItemId>,
  options: AnswerOptions,
): Promise<Answer | undefined> {
  try {
    return await answerQuestion(searched, question, options);
  } catch (error) {
    if (error instanceof InputError && error.parameter === "text") return undefined;
    throw error;
  }
}
