// Runs one command that must not outlive the process that started it, however that process ends.
//
// Invariant: when standard input ends, the command is stopped. The parent holds the other end of that pipe,
// and the kernel closes it when the parent dies, even by SIGKILL, so nothing has to be polled. The supervisor
// has its own session: Ctrl-C in the terminal reaches only the parent, which stops its worker first and its
// server afterwards.
import { spawn } from 'node:child_process';

const GRACE_MS = 5_000;
const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });

let stopping = false;
function stop() {
  if (stopping) return;
  stopping = true;
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
}

child.on('error', (error) => {
  console.error(`${command} could not be started: ${error.message}`);
  process.exit(127);
});
child.on('exit', (code) => process.exit(stopping ? 0 : (code ?? 1)));

process.stdin.on('end', stop).on('error', stop).resume();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);
