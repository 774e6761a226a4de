# cachectl with a Node of its own, the hook and the units that go with it, as one store path:
#   bin/cachectl, bin/cachectl-receive         the program; the login shell of the account that takes uploads
#   lib/nix-binary-cache/{cachectl,hook,services,darwin}
#   lib/systemd/system/*, Library/LaunchDaemons/*   the same units as elsewhere, with this path in them
# Packaging is copying: a plain derivation, so that it needs a shell, coreutils and sed of nixpkgs and nothing more.
{ pkgs, nodejs }:
derivation {
  name = "nix-binary-cache-cachectl";
  system = pkgs.stdenv.hostPlatform.system;
  builder = pkgs.runtimeShell;
  args = [ ./install.sh ];
  PATH = "${pkgs.coreutils}/bin:${pkgs.gnused}/bin";
  node = "${nodejs}/bin/node";
  cachectl = ../../cachectl;
  hook = ../../hook;
  services = ../../services;
  wrapper = ./cachectl.sh;
  receiver = ./cachectl-receive.sh;
  prepareBuilder = ./prepare-builder.sh;
  includeSettings = ./include-settings.sh;
  preferLocalBuild = true;
  allowSubstitutes = false;
}
