# The lab's double of nixpkgs' lib: as much of it as this project's modules use, so that they can be evaluated as they are
# on machines without nixpkgs. What it leaves out: type checks of nested values, renamed and removed options, warnings.
let
  lib = import ./basics.nix // import ./properties.nix // {
    types = import ./types.nix { inherit lib; };
    evalModules = import ./modules.nix { inherit lib; };
  };
in
lib
