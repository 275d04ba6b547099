/** What a command has done: one JSON object on stdout for a program, or a sentence on stderr for a person. */
export function report(json: boolean | undefined, facts: object, sentence: string): void {
  if (json) process.stdout.write(`${JSON.stringify(facts)}\n`);
  else process.stderr.write(`${sentence}\n`);
}

/** News for a person, one line each. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
