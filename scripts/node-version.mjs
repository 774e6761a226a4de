/**
 * Loaded before the program by Pulumi (Pulumi.yaml, nodeargs), in whatever `node` is first on PATH: an older one would
 * end with "Unknown file extension", which says nothing to anybody. Plain JavaScript, since it must run in those.
 */
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `node: found ${process.version} (${process.execPath}), needed v22.18 or newer, which reads TypeScript by itself.\n` +
      "Install Node 24 and put it first on PATH, or use the one that npm installed here:\n" +
      '  export PATH="$(dirname "$(ls -d "$PWD"/node_modules/node-*/bin/node)"):$PATH"\n',
  );
  process.exit(1);
}
