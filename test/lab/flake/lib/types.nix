# Kinds of values: what they accept, and how several definitions become one.
{ lib }:
let
  inherit (builtins) isAttrs isString;
  merge = import ./merge.nix { inherit lib; };

  plain = name: accepts: {
    inherit name accepts;
    merge = merge.free;
  };
  isInt = builtins.isInt;

  submoduleWith =
    modules: {
      name = "submodule";
      accepts = value: isAttrs value || builtins.isFunction value;
      merge =
        loc: defs:
        (lib.evalModules {
          modules = modules ++ map ({ value, ... }: if isAttrs value then { config = value; } else value) defs;
          specialArgs.name = lib.last loc;
        }).config;
    };
in
rec {
  anything = plain "anything" (_: true);
  raw = anything // { merge = loc: defs: (builtins.head defs).value; };
  unspecified = anything;
  bool = plain "bool" builtins.isBool;
  int = plain "int" isInt;
  float = plain "float" builtins.isFloat;
  number = plain "number" (value: isInt value || builtins.isFloat value);
  port = plain "port" (value: isInt value && value >= 0 && value <= 65535);
  str = plain "str" isString;
  nonEmptyStr = plain "nonEmptyStr" (value: isString value && value != "");
  singleLineStr = str;
  path = plain "path" (value: isAttrs value || builtins.substring 0 1 (toString value) == "/");
  pathInStore = path;
  package = plain "package" (value: isAttrs value || isString value) // { merge = raw.merge; };
  shellPackage = package;
  attrs = plain "attrs" isAttrs;
  lines = plain "lines" isString // { merge = merge.strings "\n"; };
  separatedString = separator: plain "separatedString" isString // { merge = merge.strings separator; };
  commas = separatedString ",";
  strMatching = pattern: plain "strMatching ${pattern}" (value: isString value && builtins.match pattern value != null);
  enum = values: plain "enum" (value: builtins.elem value values);
  ints = {
    positive = plain "positive int" (value: isInt value && value > 0);
    unsigned = plain "unsigned int" (value: isInt value && value >= 0);
    u16 = port;
    between = low: high: plain "int between" (value: isInt value && value >= low && value <= high);
  };
  listOf = element: {
    name = "listOf ${element.name}";
    accepts = builtins.isList;
    merge = loc: defs: map (value: merge.one element loc [ { inherit value; } ]) (merge.lists defs);
  };
  nonEmptyListOf = element: listOf element // { accepts = value: builtins.isList value && value != [ ]; };
  attrsOf = element: {
    name = "attrsOf ${element.name}";
    accepts = isAttrs;
    merge = loc: defs: merge.sets (key: merge.one element (loc ++ [ key ])) defs;
  };
  lazyAttrsOf = attrsOf;
  nullOr = element: {
    name = "nullOr ${element.name}";
    accepts = value: value == null || element.accepts value;
    merge = loc: defs: if builtins.any ({ value, ... }: value == null) defs then null else element.merge loc defs;
  };
  either = left: right: {
    name = "either";
    accepts = value: left.accepts value || right.accepts value;
    merge =
      loc: defs: if builtins.all ({ value, ... }: left.accepts value) defs then left.merge loc defs else right.merge loc defs;
  };
  oneOf = kinds: builtins.foldl' either (builtins.head kinds) (builtins.tail kinds);
  addCheck = kind: accepts: kind // { accepts = value: kind.accepts value && accepts value; };
  coercedTo = from: change: to: to // {
    accepts = value: from.accepts value || to.accepts value;
    merge =
      loc: defs:
      to.merge loc (map (def: if from.accepts def.value then def // { value = change def.value; } else def) defs);
  };
  submodule = module: submoduleWith [ module ];
}
