/**
 * Makes what is generated rather than checked in; run by npm on install and by every script that needs it.
 * Does nothing where it is up to date.
 */
import { deriveIfStale } from './derive-jsonata.mjs';

if (deriveIfStale()) console.log('expressions/generated/jsonata-sync.js derived from the installed jsonata');
