// Preloaded into `sluice`: writes every module that is loaded to the file LOADED_MODULES, one URL a line.
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';

const hook = `
import { appendFileSync } from 'node:fs';
export async function load(url, context, next) {
  appendFileSync(process.env.LOADED_MODULES, url + '\\n');
  return next(url, context);
}`;
appendFileSync(process.env.LOADED_MODULES, '');
register(`data:text/javascript,${encodeURIComponent(hook)}`);
