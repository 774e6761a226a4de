# The whole path in virtual machines: a build on one machine, its upload, and another machine that fetches it through nginx
# with only the server's key trusted. For those who have nixpkgs and KVM:
#
#   nix-build nix/tests/whole-path.nix -I nixpkgs=PATH
#
# The project's own checks parse this file and do not run it: they have neither. The lab (npm run test:lab) takes the same
# path on real Nix, sshd and nginx, with doubles of NixOS and of Harmonia.
{
  pkgs ? import <nixpkgs> { },
}:
let
  # Keys that nixpkgs keeps for its own tests.
  keys = import "${pkgs.path}/nixos/tests/ssh-keys.nix" pkgs;

  common = {
    virtualisation.writableStore = true;
    nix.settings = {
      experimental-features = [ "nix-command" ];
      # There is no internet in here.
      substituters = pkgs.lib.mkForce [ ];
    };
  };
in
pkgs.testers.runNixOSTest {
  name = "nix-binary-cache-whole-path";

  nodes.server = {
    imports = [
      common
      ../modules/server.nix
    ];
    services.nix-binary-cache.server = {
      enable = true;
      # The virtual machines' network stands for the tailnet.
      tailnetInterface = "eth1";
    };
    services.openssh.hostKeys = [
      {
        type = "ed25519";
        path = "/etc/ssh/test-host-key";
      }
    ];
    environment.etc."ssh/test-host-key" = {
      mode = "0400";
      source = keys.snakeOilEd25519PrivateKey;
    };
  };

  nodes.builder = {
    imports = [
      common
      ../modules/builder.nix
    ];
    services.nix-binary-cache.builder = {
      enable = true;
      server = {
        host = "server";
        hostKey = keys.snakeOilEd25519PublicKey;
      };
    };
    environment.etc."build.nix".source = ./build.nix;
  };

  nodes.client = {
    imports = [ common ];
    environment.systemPackages = [ pkgs.curl ];
  };

  testScript = builtins.readFile ./whole-path.py;
}
