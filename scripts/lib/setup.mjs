// What every command of a clone needs before anything else runs. Node's own modules only: nothing is
// installed yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Ends the process with a message where Node is older than package.json asks for. */
function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = /(\d+)\.(\d+)/.exec(engines.node).slice(1).map(Number);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > wanted[0] || (major === wanted[0] && minor >= wanted[1])) return;
  console.error(`Sluice needs Node ${wanted.join('.')} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** npm, Go and Temporal keep files under the home: a container may have none, or an empty variable. */
function requireHome() {
  if (process.env.HOME || process.platform === 'win32') return;
  const home = userInfo().homedir;
  process.env.HOME = existsSync(home) ? home : join(tmpdir(), `sluice-home-${process.getuid()}`);
}

/**
 * True where node_modules lacks a package of package-lock.json, or has it in another version. npm keeps what
 * it installed in a hidden lock file. Optional packages may be absent: they are for other platforms.
 * @param root the clone
 */
export function dependenciesAreStale(root) {
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  const wanted = readPackages(join(root, 'package-lock.json'));
  return Object.entries(wanted).some(([path, { version, optional }]) => {
    if (path === '') return false;
    const present = installed[path];
    return present === undefined ? !optional : present.version !== version;
  });
}

function readPackages(file) {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')).packages ?? {}) : {};
}

/** Runs a command with this process's terminal; ends this process with its code where it fails. */
function mustRun(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error) console.error(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** Makes a clone ready to run: the right Node, the packages of the lock file, the generated sources. */
export function prepareClone() {
  requireNode();
  requireHome();
  if (dependenciesAreStale(root)) {
    console.log('Installing packages (npm ci) …');
    mustRun('npm', ['ci', '--no-audit', '--no-fund']);
  }
  mustRun(process.execPath, [join(root, 'scripts', 'prepare.mjs')]);
}
