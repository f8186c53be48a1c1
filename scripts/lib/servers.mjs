// Finds or installs the servers that tests need, before the tests: their hooks have no time for a
// download or a build. Each is named in the environment, which the tests inherit.
/** Names the servers; ends the process where one that the tests cannot do without is missing. */
export async function nameServers() {
  // The packages may have been installed a moment ago, so they are imported here.
  const { register } = await import('tsx/esm/api');
  register();
  const { findTemporalCli } = await import('../../worker/temporal-server/find-cli.ts');
  const { findSurreal } = await import('../../worker/surreal-server/find-surreal.ts');
  const { terminalStatus } = await import('../../worker/executables/progress.ts');
  const { env } = process;
  const options = { env, log: (line) => console.log(line), status: terminalStatus(process.stdout, env) };
  try {
    process.env.TEMPORAL_CLI_PATH = (await findTemporalCli(options)).path;
  } catch (error) {
    endWithout(error);
  }
  try {
    process.env.SURREAL_CLI_PATH = (await findSurreal(options)).path;
  } catch (error) {
    // A path that somebody named is used or refused; CI skips nothing.
    if (process.env.SURREAL_CLI_PATH || process.env.CI) endWithout(error);
    console.error(`${textOf(error)}\nThe tests that need it are skipped.`);
    process.env.SURREAL_CLI_PATH = '';
  }
}

function endWithout(error) {
  console.error(textOf(error));
  console.log('\n0 passed, 1 failed');
  process.exit(1);
}

function textOf(error) {
  return `${error.code ?? error.name}: ${error.message}${error.help ? `\n${error.help}` : ''}`;
}
