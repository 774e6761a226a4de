# What nix/flake.nix exports, as names and as the files behind them; and that it asks for nothing.
let
  flake = import ../../nix/flake.nix;
  outputs = flake.outputs { self = throw "the flake looks at itself"; };
  root = toString ../../nix + "/";
  file = module: if builtins.isPath module then builtins.replaceStrings [ root ] [ "" ] (toString module) else "several";
in
{
  inputs = builtins.attrNames (flake.inputs or { });
  nixosModules = builtins.mapAttrs (_: file) outputs.nixosModules;
  darwinModules = builtins.mapAttrs (_: file) outputs.darwinModules;
  all = map file outputs.nixosModules.default.imports;
  lib = builtins.mapAttrs (_: builtins.isFunction) outputs.lib;
}
