# systemd units as text, by file name: the double of nixpkgs' nixos/lib/systemd-lib.nix.
{ lib, systemd }:
let
  text = value: if builtins.isBool value then lib.boolToString value else toString value;
  lines = name: value: map (each: "${name}=${text each}\n") (lib.toList value);
  section =
    title: settings:
    if settings == { } then
      ""
    else
      "[${title}]\n${lib.concatStringsSep "" (lib.flatten (lib.mapAttrsToList lines settings))}\n";

  unitSection =
    unit:
    lib.optionalAttrs (unit ? description) { Description = unit.description; }
    // lib.optionalAttrs (unit ? wants) { Wants = unit.wants; }
    // lib.optionalAttrs (unit ? requires) { Requires = unit.requires; }
    // lib.optionalAttrs (unit ? after) { After = unit.after; }
    // lib.optionalAttrs (!(unit.restartIfChanged or true)) { X-RestartIfChanged = false; }
    // unit.unitConfig or { };

  environmentOf =
    unit:
    let
      path = lib.concatMapStrings (package: "${package}/bin:") (unit.path or [ ]);
      all = {
        PATH = "${path}/usr/local/bin:/usr/bin:/usr/sbin:/bin";
      }
      // unit.environment or { };
    in
    lib.mapAttrsToList (name: value: "\"${name}=${toString value}\"") all;

  install = unit: lib.optionalAttrs (unit ? wantedBy) { WantedBy = unit.wantedBy; };

  files =
    ending: body: units:
    lib.mapAttrs' (name: unit: {
      name = "${name}.${ending}";
      value = {
        text = section "Unit" (unitSection unit) + body unit + section "Install" (install unit);
        wantedBy = unit.wantedBy or [ ];
      };
    }) units;
in
files "service" (
  unit: section "Service" ({ Environment = environmentOf unit; } // unit.serviceConfig or { })
) systemd.services
// files "timer" (unit: section "Timer" (unit.timerConfig or { })) systemd.timers
// files "path" (unit: section "Path" (unit.pathConfig or { })) systemd.paths
