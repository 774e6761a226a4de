# Evaluates one module of nix/modules with the double in module-options.nix, for `nix-instantiate --eval --strict --json`.
{
  # The folder of a lib: the lab's double of it, or nixpkgs' own.
  libPath,
  # A JSON list of the files in nix/modules, without ".nix".
  roles,
  # See module-options.nix.
  release,
  # A JSON list of the user's own modules, each a plain configuration.
  modules ? "[]",
  # Settings that another module gives as `mkDefault`, JSON.
  weakSettings ? "{}",
  node ? "24.18.0",
  system ? "x86_64-linux",
}:
let
  lib = import (/. + libPath);
  package = name: {
    type = "derivation";
    inherit name;
    outPath = "/nix/store/${name}";
  };
  pkgs = {
    stdenv.hostPlatform.system = system;
    runtimeShell = "/bin/sh";
    age = package "age";
    coreutils = package "coreutils";
    gnused = package "gnused";
    git = package "git";
    openssh = package "openssh";
    util-linux = package "util-linux";
    nodejs_24 = {
      type = "derivation";
      name = "nodejs";
      version = node;
      outPath = package "nodejs";
    };
  };
  user = map (config: { inherit config; }) (builtins.fromJSON modules);
  weak = {
    config.nix.settings = lib.mapAttrs (_: lib.mkDefault) (builtins.fromJSON weakSettings);
  };
  evaluated = lib.evalModules {
    specialArgs = { inherit pkgs; };
    modules = [
      (import ./module-options.nix release)
      weak
    ]
    ++ map (role: ../../nix/modules + "/${role}.nix") (builtins.fromJSON roles)
    ++ user;
  };
  inherit (evaluated) config;
  # nix-darwin's own nix options can't be read where it does not manage Nix.
  unreadable = [ "assertions" ] ++ lib.optional (!(config.nix.enable or true)) "nix";

  # Every option of ours: its name, its words, its default and an example as they are written; null is what is not there.
  literal = value: if value._type or null == "literalExpression" then value.text else builtins.toJSON value;
  told = option: {
    kind = if option ? type then option.type.description or option.type.name or "unnamed" else null;
    description = option.description or null;
    default =
      if option ? defaultText then
        literal option.defaultText
      else if option ? default then
        literal option.default
      else
        null;
    example = if option ? example then literal option.example else null;
  };
  listed =
    path: tree:
    if tree._type or null == "option" then
      [ (told tree // { name = builtins.concatStringsSep "." path; }) ]
    else
      builtins.concatMap (name: listed (path ++ [ name ]) tree.${name}) (builtins.attrNames tree);
in
{
  options = listed [ ] evaluated.options.services.nix-binary-cache;
  failed = map ({ message, ... }: message) (lib.filter ({ assertion, ... }: !assertion) config.assertions);
  config = builtins.removeAttrs config unreadable;
}
