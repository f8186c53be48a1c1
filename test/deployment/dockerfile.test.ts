import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dockerfile, finalStage, jsonWords } from './support/image.js';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const version = (JSON.parse(read('package.json')) as { version: string }).version;

it('the image is built in stages, from one base with an exact version that Sluice supports', () => {
  const bases = dockerfile.getFROMs();
  expect(bases.map((from) => from.getBuildStage())).toEqual(['build', null]);
  const images = new Set(bases.map((from) => from.getImage()));
  expect(images.size).toBe(1);
  const [, major, minor] =
    /^node:(\d+)\.(\d+)\.\d+-bookworm-slim@sha256:[0-9a-f]{64}$/.exec([...images][0] ?? '') ?? [];
  expect([Number(major), Number(minor)]).toEqual([20, 20]);
});

it('the image runs as an unprivileged user that does not own its files', () => {
  const names = finalStage().map((instruction) => instruction.getInstruction());
  const user = finalStage().find((instruction) => instruction.getInstruction() === 'USER');
  expect(user?.getArgumentsContent()).toBe('node');
  // What comes after it would be done by that user; what runs is named after it.
  expect(names.indexOf('USER')).toBeGreaterThan(names.lastIndexOf('COPY'));
  expect(finalStage().some((instruction) => /--chown/.test(instruction.getTextContent()))).toBe(false);
});

it('the image has the packages of the lock file, without install scripts and development packages', () => {
  const runs = dockerfile
    .getInstructions()
    .filter((instruction) => instruction.getInstruction() === 'RUN')
    .map((instruction) => instruction.getArgumentsContent() ?? '');
  expect(runs).toContain('npm ci --ignore-scripts');
  expect(runs.indexOf('npm prune --omit=dev --ignore-scripts')).toBeGreaterThan(
    runs.findIndex((run) => run.includes('bundle-workflows')),
  );
});

it('the image contains every room, without tests and docs', () => {
  const copied = dockerfile
    .getCOPYs()
    .filter((copy) => copy.getFromFlag() !== null)
    .flatMap((copy) => copy.getArguments().map((argument) => argument.getValue()))
    .filter((path) => path.startsWith('/app/'))
    .map((path) => path.slice('/app/'.length));
  const rooms = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name);
  const left = rooms.filter((room) => !copied.includes(room) && room !== 'dist' && room !== 'coverage');
  expect(left.sort()).toEqual(['bench', 'docs', 'schema', 'scripts', 'test']);
  const ignored = read('.dockerignore').split('\n');
  for (const path of ['.git', '.env', 'node_modules', 'test']) expect(ignored).toContain(path);
  // What is left out of the build can't be copied from it, but for what the build makes.
  expect(copied.filter((path) => ignored.includes(path))).toEqual(['node_modules']);
});

it('the image starts one program with the command as its argument', () => {
  expect([...jsonWords('ENTRYPOINT'), ...jsonWords('CMD')]).toEqual(['node', '/app/cli/bin.mjs', 'worker']);
});

it('the image has the version that docker-compose.yml runs', () => {
  expect(read('docker-compose.yml')).toContain(`image: sluice:${version}\n`);
});
