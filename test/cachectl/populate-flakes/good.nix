# A flake as a small fleet has it, without nixpkgs. @WORDS@ becomes the place of its input.
{
  inputs.words = {
    url = "@WORDS@";
    flake = false;
  };
  outputs =
    { words, ... }:
    let
      run =
        system: name: script:
        derivation {
          inherit name system;
          builder = "/bin/sh";
          args = [
            "-c"
            script
          ];
          PATH = "/usr/bin:/bin";
        };
      say = system: name: run system name "cat ${words}/words >$out";
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      each = make: builtins.listToAttrs (map (name: { inherit name; value = make name; }) systems);
      machine = system: name: { config.system.build.toplevel = say system "nixos-system-${name}"; };
    in
    {
      nixosConfigurations.desktop = machine "@SYSTEM@" "desktop";
      nixosConfigurations.book = machine "aarch64-darwin" "book";
      darwinConfigurations.mac.system = say "aarch64-darwin" "mac";
      homeConfigurations."ada@desktop".activationPackage = say "@SYSTEM@" "home";
      packages = each (system: { greeting = say system "greeting"; });
      checks = each (system: { spelling = say system "spelling"; });
      devShells = each (system: { default = say system "shell"; });
    };
}
