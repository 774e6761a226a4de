# cachectl on a machine that only reads, for `cachectl doctor`, `cachectl coverage` and nix-binary-cache-tell there. On NixOS and on nix-darwin.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) client package;
in
{
  config = lib.mkIf client.enable { environment.systemPackages = [ package ]; };
}
