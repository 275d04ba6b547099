// Preloaded by `node --import`: lets one file operation of a process end in its sudden death, or in a full disk, or go
// on after a signal.
// FAULT is JSON: { on: "rename" | "writeFile" | "write" | "sync", path: pattern, action: "kill" | "SIGTERM" | "ENOSPC", after: calls let through }
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const { on, path: pattern, action, after = 0 } = JSON.parse(process.env.FAULT);
let calls = 0;

function strike(path) {
  if (!new RegExp(pattern).test(String(path)) || calls++ < after) return;
  if (action === "kill") process.kill(process.pid, "SIGKILL");
  if (action === "SIGTERM") return void process.kill(process.pid, action);
  throw Object.assign(new Error(`ENOSPC: no space left on device, ${on} '${path}'`), { code: "ENOSPC" });
}

const { rename, writeFile, open } = fs;
fs.rename = async (from, to) => {
  if (on === "rename") strike(to);
  return rename(from, to);
};
fs.writeFile = async (file, ...rest) => {
  if (on === "writeFile") strike(file);
  return writeFile(file, ...rest);
};
fs.open = async (file, ...rest) => {
  const handle = await open(file, ...rest);
  const [write, sync] = [handle.writeFile.bind(handle), handle.sync.bind(handle)];
  handle.writeFile = async (...args) => {
    if (on === "write") strike(file);
    return write(...args);
  };
  handle.sync = async () => {
    if (on === "sync") strike(file);
    return sync();
  };
  return handle;
};
syncBuiltinESMExports();
