# A program as most are: of a library, of a source with a known hash, with a piece that is always made on the spot.
{
  outputs =
    { ... }:
    let
      system = "@SYSTEM@";
      run =
        name: script: more:
        derivation (
          {
            inherit name system;
            builder = "/bin/sh";
            args = [
              "-c"
              script
            ];
            PATH = "/usr/bin:/bin";
          }
          // more
        );
      source = run "source.txt" "printf source >$out" {
        outputHash = "sha256-Qc9nlLpCALg5xTUxVV8POZjfTLsBpNXLC5Tjyl4jlH0=";
      };
      library = run "library" "cat ${source} >$out; head -c 300000 /dev/zero >>$out" { };
      settings = run "settings" "echo ${library} >$out" {
        allowSubstitutes = false;
        preferLocalBuild = true;
      };
    in
    {
      packages.${system} = {
        inherit library;
        app = run "app" "echo ${library} ${settings} >$out" { };
        broken = throw "not for this machine";
      };
    };
}
