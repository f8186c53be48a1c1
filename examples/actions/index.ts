/** The actions that the examples call; `sluice.config.ts` names this module. */
import { release, reserve } from './inventory.js';
import { fetchBalance, fetchRecords, matchRecord, reconcile } from './ledger.js';
import { sendNotification } from './notifications.js';
import { validateOrder } from './orders.js';
import { charge, refund } from './payments.js';
import { createShipment } from './shipping.js';
import { close, escalate, notify } from './tickets.js';

export default [
  validateOrder,
  charge,
  refund,
  reserve,
  release,
  createShipment,
  sendNotification,
  notify,
  escalate,
  close,
  fetchRecords,
  matchRecord,
  fetchBalance,
  reconcile,
];
