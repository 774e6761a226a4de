/** The two halves of the greeting (NixOS/nix, src/libstore, serve-protocol.hh, SERVE_MAGIC_1 and _2). */
export const clientMagic = 0x390c9deb;
export const serverMagic = 0x5452eecb;

/** The newest version understood here: 2.8, of Nix 2.34 and later. */
export const newestVersion = 0x208;

/** `AddToStoreNar` came with 2.5 (Nix 2.3); an older client would send `ImportPaths`, which carries no signature. */
export const oldestVersion = 0x205;

/** The commands of the serve protocol, as numbered in serve-protocol.hh. */
export const serveCommand = {
  queryValidPaths: 1,
  queryPathInfos: 2,
  dumpStorePath: 3,
  importPaths: 4,
  exportPaths: 5,
  buildPaths: 6,
  queryClosure: 7,
  buildDerivation: 8,
  addToStoreNar: 9,
} as const;
