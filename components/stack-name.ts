/**
 * How a stack is called: `home` where its owner is the one who is logged in, `acme/home` or `acme/nix-binary-cache/home`
 * where it is an organisation. Pulumi's --stack takes all three; the program itself, the stack's files and its keys have the
 * name alone (pulumi.getStack, Pulumi.home.yaml).
 */
const form = /^(?:[A-Za-z0-9._-]{1,100}\/){0,2}[A-Za-z0-9._-]{1,100}$/;

/** What is wrong with a text as the name of a stack; undefined when nothing is. */
export function stackProblem(text: string): string | undefined {
  return form.test(text)
    ? undefined
    : "expected NAME, ORGANISATION/NAME or ORGANISATION/PROJECT/NAME, of letters, digits, '.', '_' and '-'";
}

/** The name alone. @throws TypeError when the text is no stack's */
export function nameOfStack(reference: string): string {
  const problem = stackProblem(reference);
  if (problem !== undefined) throw new TypeError(`stack: found ${JSON.stringify(reference)}, ${problem}`);
  return reference.slice(reference.lastIndexOf("/") + 1);
}
