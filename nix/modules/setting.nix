# An option that takes its default from the stack's public facts, `services.nix-binary-cache.vars`, where they have it.
# usage: setting [ "cache" "port" ] 5000 { type = …; description = …; }
{ lib, vars }:
path: fallback: option:
lib.mkOption (
  option
  // {
    default = lib.attrByPath path fallback vars;
    defaultText = lib.literalExpression "vars.${lib.concatStringsSep "." path} or ${builtins.toJSON fallback}";
  }
)
