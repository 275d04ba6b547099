/** Which browser the tests use. POEEM_BROWSER=required makes a missing one a failure. */
import { existsSync } from "node:fs";

export const executablePath = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));
const isRequired = process.env["POEEM_BROWSER"] === "required";

export const canBrowse = executablePath !== undefined || isRequired;
