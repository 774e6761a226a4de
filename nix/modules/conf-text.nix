# Settings as lines of nix.conf.
{ lib }:
settings:
let
  value =
    setting:
    if builtins.isList setting then
      lib.concatStringsSep " " setting
    else if builtins.isBool setting then
      lib.boolToString setting
    else
      toString setting;
in
lib.concatStringsSep "" (lib.mapAttrsToList (name: setting: "${name} = ${value setting}\n") settings)
