# What a definition can be wrapped in, and how it is taken off again. Source: nixpkgs' lib/modules.nix.
let
  inherit (builtins) concatMap isAttrs mapAttrs;

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkOrder = priority: content: {
    _type = "order";
    inherit priority content;
  };
  kindOf = value: if isAttrs value then value._type or "" else "";

  # The values in a definition that hold, each with its priority (lower wins) and its place in a list.
  discharge =
    value:
    {
      merge = concatMap discharge value.contents;
      "if" = if value.condition then discharge value.content else [ ];
      override = map (each: each // { inherit (value) priority; }) (discharge value.content);
      order = map (each: each // { order = value.priority; }) (discharge value.content);
    }
    .${kindOf value} or [
      {
        priority = 100;
        order = 1000;
        inherit value;
      }
    ];

  # A definition as plain sets whose values carry its properties: names are known before any condition is.
  pushDown =
    value:
    {
      merge = concatMap pushDown value.contents;
      "if" = map (mapAttrs (_: mkIf value.condition)) (pushDown value.content);
      override = map (mapAttrs (_: mkOverride value.priority)) (pushDown value.content);
      order = map (mapAttrs (_: mkOrder value.priority)) (pushDown value.content);
    }
    .${kindOf value} or [ value ];
in
{
  inherit
    discharge
    mkIf
    mkMerge
    mkOrder
    mkOverride
    pushDown
    ;
  mkAfter = mkOrder 1500;
  mkBefore = mkOrder 500;
  mkDefault = mkOverride 1000;
  mkForce = mkOverride 50;
  mkOptionDefault = mkOverride 1500;

  mkOption = option: option // { _type = "option"; };
  mkEnableOption = what: {
    _type = "option";
    type = null;
    default = false;
    description = "Whether to enable ${what}.";
  };
  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  literalMD = text: {
    _type = "literalMD";
    inherit text;
  };
}
