/** What the doctors' checks can say, out of their source: the longest piece of each failure and warning that is always the same. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

const ROOT = join(import.meta.dirname, "../../..");

/** Of `cachectl doctor`, and of `npm run doctor`. */
export const MACHINE_CHECKS = "nix/cachectl/doctor/checks";
export const STACK_CHECKS = "scripts/doctor";

/** Pieces of text by the check's file. */
export function wordsOfChecks(folder: string): readonly { readonly file: string; readonly words: string }[] {
  return readdirSync(join(ROOT, folder)).flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(join(ROOT, folder, file), "utf8"), ts.ScriptTarget.Latest);
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      found.push(...wordsOf(node));
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found.filter((words) => words.length > 5).map((words) => ({ file, words }));
  });
}

function wordsOf(node: ts.Node): readonly string[] {
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression))
    return ["failure", "warning"].includes(node.expression.text) ? textOf(node.arguments[0]) : [];
  // The table of what ssh can say.
  const [first, second] = ts.isArrayLiteralExpression(node) ? node.elements : [];
  return first !== undefined && ts.isRegularExpressionLiteral(first) ? textOf(second) : [];
}

function textOf(node: ts.Node | undefined): readonly string[] {
  if (node === undefined) return [];
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (!ts.isTemplateExpression(node)) return [];
  const pieces = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
  return [pieces.reduce((a, b) => (b.length > a.length ? b : a))];
}
