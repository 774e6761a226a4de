# Options that every role has: the stack's public facts, and the program.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkOption types;
  cfg = config.services.nix-binary-cache;
  # Type stripping without a flag came with Node 22.18.
  oldest = "22.18";
in
{
  options.services.nix-binary-cache = {
    vars = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      example = literalExpression "lib.importJSON ./nix/vars/home.json";
      description = ''
        The stack's public facts, as `npm run nix-vars -- STACK` wrote them. Every other option takes its default
        from here.
      '';
    };

    nodejs = mkOption {
      type = types.package;
      default =
        pkgs.nodejs_24 or pkgs.nodejs_22
          or (throw "services.nix-binary-cache.nodejs: this nixpkgs has neither nodejs_24 nor nodejs_22; set it");
      defaultText = literalExpression "pkgs.nodejs_24 or pkgs.nodejs_22";
      description = "The Node that runs cachectl: ${oldest} or newer.";
    };

    package = mkOption {
      type = types.package;
      default = import ./package {
        inherit pkgs;
        inherit (cfg) nodejs;
      };
      defaultText = literalExpression "cachectl of this flake";
      description = "cachectl, the hook and their units.";
    };
  };
}
