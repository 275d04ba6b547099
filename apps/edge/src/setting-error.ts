/** Settings with which nothing may be served. The message names the setting, what it expects and what it has. */
export class SettingError extends Error {
  override readonly name = "SettingError";
  constructor(setting: string, expected: string, got: string) {
    super(`[edge] ${setting} expected ${expected}, got ${got}`);
  }
}
