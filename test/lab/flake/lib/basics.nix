# Functions on strings, lists and sets. Source of each one's meaning: nixpkgs' lib of the same name.
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elemAt
    filter
    foldl'
    genList
    isAttrs
    length
    listToAttrs
    map
    mapAttrs
    replaceStrings
    stringLength
    substring
    ;

  nameValuePair = name: value: { inherit name value; };

  hasAttrByPath =
    path: set:
    path == [ ]
    || (
      isAttrs set
      && set ? ${builtins.head path}
      && hasAttrByPath (builtins.tail path) set.${builtins.head path}
    );

  attrByPath =
    path: fallback: set:
    if path == [ ] then
      set
    else if isAttrs set && set ? ${builtins.head path} then
      attrByPath (builtins.tail path) fallback set.${builtins.head path}
    else
      fallback;

  recursiveUpdate =
    left: right:
    left
    // mapAttrs (
      name: value:
      if isAttrs value && isAttrs (left.${name} or null) && !(value ? _type) then
        recursiveUpdate left.${name} value
      else
        value
    ) right;

  optional = condition: value: if condition then [ value ] else [ ];
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      begin = stringLength text - stringLength suffix;
    in
    begin >= 0 && substring begin (stringLength suffix) text == suffix;
  mapAttrsToList = change: set: map (name: change name set.${name}) (attrNames set);
  escapeShellArg = text: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
in
{
  inherit (builtins)
    all
    any
    attrNames
    attrValues
    catAttrs
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    genList
    hasAttr
    head
    intersectAttrs
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isString
    length
    listToAttrs
    mapAttrs
    replaceStrings
    stringLength
    substring
    tail
    toJSON
    ;
  inherit
    attrByPath
    escapeShellArg
    hasAttrByPath
    hasPrefix
    hasSuffix
    mapAttrsToList
    nameValuePair
    optional
    recursiveUpdate
    ;

  attrsets = { inherit attrByPath hasAttrByPath; };
  boolToString = value: if value then "true" else "false";
  concatMapAttrs = change: set: foldl' (all: name: all // change name set.${name}) { } (attrNames set);
  concatMapStrings = change: list: concatStringsSep "" (map change list);
  concatMapStringsSep =
    separator: change: list:
    concatStringsSep separator (map change list);
  escapeShellArgs = concatMapStringsSep: toString (map escapeShellArg concatMapStringsSep);
  filterAttrs =
    keeps: set:
    listToAttrs (
      concatMap (name: optional (keeps name set.${name}) (nameValuePair name set.${name})) (attrNames set)
    );
  flatten =
    let
      flatten = value: if builtins.isList value then concatMap flatten value else [ value ];
    in
    flatten;
  genAttrs =
    names: make:
    listToAttrs (map (name: nameValuePair name (make name)) names);
  getExe = package: "${package}/bin/${package.meta.mainProgram or package.pname or package.name}";
  getExe' = package: name: "${package}/bin/${name}";
  imap0 = change: list: genList (index: change index (elemAt list index)) (length list);
  importJSON = path: builtins.fromJSON (builtins.readFile path);
  last = list: elemAt list (length list - 1);
  mapAttrs' = change: set: listToAttrs (mapAttrsToList change set);
  optionalAttrs = condition: set: if condition then set else { };
  optionalString = condition: text: if condition then text else "";
  optionals = condition: list: if condition then list else [ ];
  partition = test: list: {
    right = filter test list;
    wrong = filter (value: !test value) list;
  };
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then
      substring (stringLength prefix) (stringLength text - stringLength prefix) text
    else
      text;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  splitString = separator: text: filter builtins.isString (builtins.split separator text);
  toInt = text: builtins.fromJSON text;
  toList = value: if builtins.isList value then value else [ value ];
  unique = foldl' (seen: value: if builtins.elem value seen then seen else seen ++ [ value ]) [ ];
  versionAtLeast = left: right: builtins.compareVersions left right >= 0;
  versionOlder = left: right: builtins.compareVersions left right < 0;

  # The release whose options the lab's own modules have.
  version = "25.11";
  trivial.release = "25.11";
  licenses.mit = "MIT";
}
