/** Loaded before a program (`node --import`): root becomes nobody, as populate runs on a server as a user of its own. */
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(65534);
  process.setuid?.(65534);
}
