# Evaluates a configuration as the documentation has it, with this project's flake as its input and doubles of nixpkgs'
# lib and of NixOS (or nix-darwin), for `nix-instantiate --eval --strict --json`.
{
  root,
  # A file: a module that takes `nix-binary-cache`, or a whole flake.
  snippet,
  # A folder that holds nix/vars/home.json.
  source,
  # See test/nix/module-options.nix.
  release,
  system,
}:
let
  lib = import (/. + root + "/test/lab/flake/lib");
  package = name: "/nix/store/${name}";
  pkgs = {
    stdenv.hostPlatform = { inherit system; };
    runtimeShell = "/bin/sh";
    coreutils = package "coreutils";
    gnused = package "gnused";
    git = package "git";
    openssh = package "openssh";
    util-linux = package "util-linux";
    nodejs_24 = {
      type = "derivation";
      name = "nodejs";
      version = "24.18.0";
      outPath = package "nodejs";
    };
  };
  flake = (import (/. + root + "/nix/flake.nix")).outputs { self = flake; } // {
    sourceInfo = source;
  };
  evaluate =
    modules:
    lib.evalModules {
      specialArgs = {
        inherit pkgs;
        nix-binary-cache = flake;
      };
      modules = [ (import (/. + root + "/test/nix/module-options.nix") release) ] ++ modules;
    };
  text = import (/. + snippet);
  nixpkgs.lib.nixosSystem = { modules, ... }: evaluate modules;
  evaluated =
    if builtins.isFunction text then
      evaluate [ text ]
    else
      (text.outputs {
        inherit nixpkgs;
        nix-binary-cache = flake;
      }).nixosConfigurations.server;
  inherit (evaluated) config;
  roles = config.services.nix-binary-cache;
in
{
  failed = map ({ message, ... }: message) (lib.filter ({ assertion, ... }: !assertion) config.assertions);
  enabled = lib.filter (role: roles.${role}.enable or false) [
    "server"
    "client"
    "builder"
  ];
  files = builtins.attrNames config.environment.etc;
  url = roles.client.url or null;
}
