import util from "node:util";

/**
 * Puts back what TensorFlow.js 4.22 calls of `node:util` and Node 23 removed. Where they are still there they warn
 * (DEP0051, DEP0044), so they are replaced by the same without the warning.
 */
export function restoreNodeUtil(): void {
  Object.assign(util, {
    isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
    isArray: (value: unknown): boolean => Array.isArray(value),
  });
}
