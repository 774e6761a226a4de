/**
 * Loaded by Pulumi before its own SDK and the program (Pulumi.yaml, nodeargs), in whatever `node` is first on PATH. Plain
 * JavaScript, and no named import of anything new, since it must run in an old Node too.
 */
import module from "node:module";
import { join } from "node:path";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  // By itself it would end with "Unknown file extension", which says nothing to anybody.
  process.stderr.write(
    `node: found ${process.version} (${process.execPath}), needed v22.18 or newer, which reads TypeScript by itself.\n` +
      "Install Node 24 and put it first on PATH, or use the one that npm installed here:\n" +
      '  export PATH="$(dirname "$(ls -d "$PWD"/node_modules/node-*/bin/node)"):$PATH"\n',
  );
  process.exit(1);
}

// What Node made of Pulumi's SDK and of these files is kept: loading both takes half a second instead of more than one.
// Beside what `npm ci` replaces, and not in the folder for temporary files, where others could put code that is run here.
module.enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "node"));

// Pulumi's SDK takes a stack for each promise and resource, and its host maps every one to the SDK's own TypeScript: a fifth
// of a preview (measured: 3.2 s instead of 3.9). Node takes types out in place, so that a stack's lines are our source's as
// they are. Only once the host has begun, which sets its own mapping first.
setImmediate(() => {
  Error.prepareStackTrace = undefined;
});
