# The kinds of values that options take, as narrow as components/config/fields.ts has them.
{ lib }:
let
  inherit (lib) types;
  matching = pattern: types.strMatching pattern;
in
rec {
  # A machine's name as it stands in paths.
  hostName = matching "[a-z][a-z0-9-]{0,62}";

  # An IP address or a DNS name.
  address = matching "[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?";

  # ADDRESS:PORT on this machine.
  endpoint = matching "(127\\.0\\.0\\.1|\\[::1]|localhost):[0-9]{1,5}";

  # ssh-keyscan -t ed25519 HOST, without the host.
  ed25519Key = matching "ssh-ed25519 [A-Za-z0-9+/]{68}( [^\n]*)?";

  # NAME:BASE64 of 32 bytes.
  nixPublicKey = matching "[^:[:space:]]+:[A-Za-z0-9+/]{43}=";

  # A Nix system double.
  system = types.enum [
    "x86_64-linux"
    "aarch64-linux"
    "aarch64-darwin"
    "x86_64-darwin"
  ];

  keyName = matching "[A-Za-z0-9._-]+";

  url = matching "https?://[^[:space:]]+";

  # A number of bytes with a binary unit.
  bytes = matching "[1-9][0-9]*(KiB|MiB|GiB|TiB)";

  # A systemd calendar expression; systemd itself is the judge of all but the obvious.
  calendar = matching "[A-Za-z0-9*:,./ ~-]+";

  flakeReference = matching "[^#[:space:]]+";

  # A file that holds a secret: an absolute path as text. A Nix path would be copied into the store, for all to read.
  secretPath = matching "/[A-Za-z0-9._/-]*";

  directory = matching "/[A-Za-z0-9._/-]+";

  # An integer of at least 1.
  count = types.ints.positive;

  # A substituter and the key that it signs with.
  upstream = types.submodule {
    options = {
      url = lib.mkOption {
        type = url;
        description = "The substituter's address.";
      };
      publicKey = lib.mkOption {
        type = nixPublicKey;
        description = "The key it signs with.";
      };
    };
  };
}
