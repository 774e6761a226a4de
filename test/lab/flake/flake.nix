# The configurations of the lab's machines, as their owner would keep them: this project's modules, on a double of NixOS.
# In /etc/nixos of a machine, with the project's nix folder, the double of Harmonia, and vars.json beside it.
{
  description = "The lab's machines";

  outputs =
    { self }:
    let
      lib = import ./lib;
      modules = (import ./nix/flake.nix).outputs { self = ./nix; };
      vars = if builtins.pathExists ./vars.json then lib.importJSON ./vars.json else { };
      machine =
        module:
        import ./system {
          inherit lib;
          specialArgs = { inherit modules vars; };
          modules = [ module ];
        };
    in
    {
      nixosConfigurations = {
        server = machine ./machines/server.nix;
        desktop = machine ./machines/desktop.nix;
      };
    };
}
