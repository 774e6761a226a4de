# cachectl on a machine that only reads, for `cachectl doctor` and `cachectl coverage` there, and for nix-binary-cache-tell.
# On NixOS and on nix-darwin.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) client package;
in
{
  config = lib.mkIf client.enable { environment.systemPackages = [ package ]; };
}
