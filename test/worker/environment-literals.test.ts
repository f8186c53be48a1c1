/**
 * The environment, region and release of a run come from the worker's configuration, and are pinned when the
 * run starts. So no source may name one: code that compares `environment === 'production'` would behave
 * differently where no test runs. Only the defaults of the configuration are literals.
 */
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The files with the defaults. */
const CONFIG = ['worker/config/config-variables.ts'];

const ROOMS =
  /^(actions|activities|api|cli|client|contracts|definitions|examples|expressions|ingress|projections|worker|workflows)\/.*\.(ts|mjs)$/;

const ENVIRONMENT =
  /^(prod|production|live|stage|staging|pre-?prod|preproduction|dev|development|test|testing|qa|uat|sandbox|canary|ci)$/i;
// Names that cloud providers use: eu-west-1, us-central1, westeurope, ap-southeast-2.
const REGION =
  /^((us|eu|ap|sa|ca|me|af|il|cn)(-gov)?-(north|south|east|west|central)+-?\d|(europe|asia|us|australia|northamerica|southamerica)-(north|south|east|west|central)+\d|(north|south|east|west|central)(us|europe|asia)\d?)$/i;

/** The name of a CLI command, as in `sluice dev`: `.command('dev')`. */
function isCommand({ parent }: ts.Node): boolean {
  return (
    ts.isCallExpression(parent) &&
    ts.isPropertyAccessExpression(parent.expression) &&
    parent.expression.name.text === 'command'
  );
}

/** Literals that name an environment or a region, and reads of NODE_ENV, with their lines. */
function literalsIn(file: string, text: string): readonly string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateTail(node);
    const named = (isText && !isCommand(node)) || ts.isIdentifier(node) ? node.text : '';
    if ((isText && (ENVIRONMENT.test(named) || REGION.test(named))) || named === 'NODE_ENV') {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${file}:${line + 1}: ${named}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

describe('The name of an environment or a region', () => {
  it('the name of an environment or region is only in the defaults of the configuration', () => {
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
      .split('\n')
      .filter((file) => ROOMS.test(file) && !CONFIG.includes(file));
    expect(files.length).toBeGreaterThan(100);
    expect(files.flatMap((file) => literalsIn(file, readFileSync(`${ROOT}/${file}`, 'utf8')))).toEqual([]);
  });

  it.each([
    `if (system.environment === 'production') stop();`,
    `const region = "eu-west-1";`,
    'const where = `staging`;',
    `const { NODE_ENV } = env;`,
    `switch (environment) { case 'dev': break; }`,
  ])('a name is found in %s', (text) => {
    expect(literalsIn('x.ts', text).length).toBe(1);
  });

  it('other words are not taken for such a name', () => {
    expect(
      literalsIn(
        'x.ts',
        `const a = 'device', b = 'latest', c = 'producer', d = 'local'; program.command('dev');`,
      ),
    ).toEqual([]);
  });
});
