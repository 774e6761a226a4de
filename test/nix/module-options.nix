# A double of NixOS and of nix-darwin for the tests of the modules: the options that the modules set or read, of a kind that
# merges as theirs, in the places where each release has them. An option that is not here is refused by nixpkgs' lib.
#
# release: "24.11" (Harmonia's options flat), "26.05" (under `cache`), "26.11" (with `gc`), "darwin" (Nix managed by
# nix-darwin), "determinate" (by Determinate Nix, with its nix-darwin module), "determinate-bare" (without).
# Read beside the modules of nix-darwin 25.05 to 26.11, of Determinate 3.21 and of NixOS 24.11 to 26.05.
release:
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  of =
    type: default:
    mkOption {
      inherit type default;
      description = "";
    };
  anything = of (types.attrsOf types.anything) { };
  text = of types.lines "";
  no = of types.bool false;
  yes = of types.bool true;
  settings = of (types.attrsOf (types.either (types.listOf types.str) types.anything)) { };

  harmonia = {
    enable = no;
    signKeyPaths = of (types.listOf types.str) [ ];
    settings = anything;
  };

  common.options = {
    assertions = of (types.listOf types.unspecified) [ ];
    warnings = of (types.listOf types.str) [ ];
    environment.systemPackages = of (types.listOf types.package) [ ];
    environment.etc = of (types.attrsOf (
      types.submodule {
        options.text = of (types.nullOr types.lines) null;
        options.source = of (types.nullOr types.str) null;
      }
    )) { };
    networking.hostName = of types.str "box";
  };

  nixos.options = {
    nix = {
      inherit settings;
      package = of types.str "/nix/store/nix";
      extraOptions = text;
      gc.automatic = no;
    }
    // lib.optionalAttrs (release == "26.11") { daemonUser = of types.str "root"; };
    services = {
      harmonia =
        {
          "24.11" = harmonia;
          "26.05".cache = harmonia;
          "26.11" = {
            cache = harmonia;
            gc.automatic = no;
          };
        }
        .${release};
      nginx = {
        enable = no;
        user = of types.str "nginx";
        group = of types.str "nginx";
        config = text;
        httpConfig = text;
        appendConfig = text;
        appendHttpConfig = text;
        eventsConfig = text;
      };
      openssh = {
        enable = no;
        extraConfig = text;
        settings = anything;
      };
      tailscale = {
        enable = yes;
        interfaceName = of types.str "tailscale0";
      };
    };
    networking.firewall = {
      enable = yes;
      interfaces = anything;
    };
    systemd = {
      packages = of (types.listOf types.package) [ ];
      paths = anything;
      services = anything;
      timers = anything;
      tmpfiles.rules = of (types.listOf types.str) [ ];
    };
    users.groups = anything;
    users.users = anything;
  };

  # nix-darwin throws at a reading of its nix options where it does not manage Nix.
  managed =
    type: default:
    of type (if config.nix.enable then default else throw "accessed when `nix.enable` is off; this is a bug");
  darwin.options = {
    nix = {
      enable = yes;
      settings = managed settings.type { };
      package = managed types.str "/nix/store/nix";
      envVars = managed anything.type { };
    };
    environment.launchDaemons = anything;
    system.activationScripts = {
      extraActivation = { inherit text; };
      postActivation = { inherit text; };
    };
  };
  determinate.options.determinateNix = {
    enable = yes;
    customSettings = anything;
  };

  onDarwin = [
    common
    darwin
  ];
in
{
  imports =
    {
      darwin = onDarwin;
      determinate = onDarwin ++ [ determinate ];
      determinate-bare = onDarwin;
    }
    .${release} or [
      common
      nixos
    ];
}
