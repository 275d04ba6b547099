/** Copies text; `false` when the browser refuses, as it does on plain HTTP away from localhost. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

let hide: ReturnType<typeof setTimeout> | undefined;

/** Shows a line of text for two seconds; a screen reader hears it too. */
export function toast(element: HTMLElement, text: string): void {
  clearTimeout(hide);
  element.textContent = text;
  element.dataset["shown"] = "";
  hide = setTimeout(() => {
    delete element.dataset["shown"];
  }, 2000);
}
