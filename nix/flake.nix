# Exports only: what machines' configurations import. It has no inputs, so it locks nothing and follows whatever nixpkgs
# the importing flake has.
{
  description = "A private Nix binary cache on your tailnet: modules for its server, its builders and its clients";

  outputs =
    { self }:
    {
      nixosModules = {
        server = ./modules/server.nix;
        builder = ./modules/builder.nix;
        client = ./modules/client.nix;
        # Everything; each role is switched on by its `enable`.
        default = {
          imports = [
            ./modules/server.nix
            ./modules/builder.nix
            ./modules/client.nix
          ];
        };
      };

      darwinModules.default = ./modules/darwin.nix;

      lib = {
        # cachectl for a package set: { pkgs, nodejs } -> derivation.
        cachectl = import ./modules/package;
        # nginx's part of the server as text, see the file for what it takes.
        nginxConfig = import ./modules/nginx-config.nix;
        # What a client's Nix is told, see the file for what it takes.
        clientSettings = import ./modules/client-settings.nix;
      };
    };
}
