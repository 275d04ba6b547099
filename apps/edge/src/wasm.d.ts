declare module "*.wasm" {
  /** Compiled by the platform at deploy time: Workers refuse to compile bytes at run time. */
  const module: WebAssembly.Module;
  export default module;
}
