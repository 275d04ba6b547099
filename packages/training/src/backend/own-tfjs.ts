import { createRequire, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

const SHARED = /^@tensorflow\/tfjs(-core|-backend-cpu)?(\/|$)/;

/**
 * Imports something that needs TensorFlow.js with the copy that we use, wherever it lies and whatever npm put beside
 * it. All copies in a process share one registry: a second one registers its kernels there again, which is a warning
 * for each of 160, and has tensors of its own classes.
 */
export async function withOwnTfjs<T>(load: () => Promise<T> | T): Promise<T> {
  const require = createRequire(createRequire(import.meta.url).resolve("@tensorflow/tfjs"));
  let resolving = false;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (resolving || !SHARED.test(specifier)) return next(specifier, context);
      resolving = true;
      try {
        return { url: pathToFileURL(require.resolve(specifier)).href, format: "commonjs", shortCircuit: true };
      } finally {
        resolving = false;
      }
    },
  });
  try {
    return await load();
  } finally {
    hooks.deregister();
  }
}
