/**
 * The version of a definition that a start takes, with its triggers and the record of who chose it.
 *
 * Invariants
 * - The version that a start takes is the one chosen last: a new version by publishing, any version by
 *   promoting it. Publishing a document again, as pipelines do, undoes no promotion.
 * - It changes in one transaction with the trigger index and the row in `definition_act`, so an event never
 *   finds the triggers of two versions, and no change is without a name.
 * - A repeated attempt writes no second row: the key of the row comes from the operation.
 */
import { z } from 'zod';
import type { DefinitionChange } from '../../../contracts/run/projection.js';
import { listKey } from '../../log/keys.js';
import type { Statement } from '../../connection/unit-of-work.js';

/** What the statements say of the change. */
export const Followed = z.object({
  latest: z.boolean(),
  /** The version that a start took before; null: none. */
  was: z.union([z.number(), z.null()]),
  schedules: z.array(z.string()),
});

/** Label of the statement that answers {@link Followed}. */
export const FOLLOWED = 'definition_latest.state';

// A separate statement for each: inside a block the engine forgets a LET that follows a write.
/**
 * @param act what the row in `definition_act` says
 * @param rule expression: whether the version becomes that of a start; it may ask `$had_latest`
 * @param promoted expression: whether publishing a higher version again shall leave it
 */
export function followLatest(act: 'publish' | 'promote', rule: string, promoted: string): Statement[] {
  return [
    {
      label: 'definition_latest.read',
      text: `LET $had_latest = (SELECT * FROM ONLY type::record('definition_latest', $latest))`,
    },
    { label: 'definition_latest.rule', text: `LET $latest_now = ${rule}` },
    {
      label: 'definition_triggers.read',
      text: `LET $had = (SELECT * FROM ONLY type::record('definition_triggers', $latest))`,
    },
    {
      label: 'event_trigger.remove',
      text: `IF $latest_now {
  FOR $name IN ($had.event_names ?? []) {
    LET $rows = (SELECT id FROM event_trigger:[$latest[0], $name, $latest[1]]..[$latest[0], $name, $latest[1], ..]);
    FOR $old IN $rows { IF record::id($old.id) NOT IN $trigger_ids { DELETE $old.id RETURN NONE } };
  }
}`,
    },
    {
      label: 'event_trigger.write',
      text: `IF $latest_now { FOR $t IN $triggers { UPSERT type::record('event_trigger', $t.id) SET version = $version, spec = $t.spec RETURN NONE } }`,
    },
    {
      label: 'definition_triggers.write',
      text: `IF $latest_now { UPSERT type::record('definition_triggers', $latest) SET version = $version, event_names = $event_names, schedules = array::union($had.schedules ?? [], $schedules) RETURN NONE }`,
    },
    {
      label: 'definition_act.write',
      text: `IF $latest_now AND $had_latest.version != $version { UPSERT type::record('definition_act', $act_key) SET kind = '${act}', version = $version, was = $had_latest.version, by = $by, at = $at RETURN NONE }`,
    },
    {
      label: 'definition_latest.write',
      text: `IF $latest_now { UPSERT type::record('definition_latest', $latest) SET version = $version, promoted = ${promoted} RETURN NONE }`,
    },
    {
      label: FOLLOWED,
      text: `{ { latest: $latest_now, was: $had_latest.version ?? NULL, schedules: IF $latest_now { array::union($had.schedules ?? [], $schedules) } ELSE { [] } } }`,
    },
  ];
}

/** Variables of {@link followLatest} about who changes what. */
export function changeVariables(
  [tenant, id]: readonly [tenant: string, id: string],
  { by, at, operation }: DefinitionChange,
): { readonly act_key: readonly string[]; readonly by: string; readonly at: Date } {
  return { act_key: [tenant, id, listKey(at, operation)], by, at };
}

/** Variables of {@link followLatest} about a version and its triggers. */
export function triggerVariables(
  [tenant, id]: readonly [tenant: string, id: string],
  version: number,
  triggers: {
    readonly events: readonly {
      readonly eventName: string;
      readonly position: number;
      readonly spec: unknown;
    }[];
    readonly schedules: readonly string[];
  },
) {
  return {
    latest: [tenant, id],
    version,
    triggers: triggers.events.map(({ eventName, position, spec }) => ({
      id: [tenant, eventName, id, position],
      spec: JSON.stringify(spec),
    })),
    trigger_ids: triggers.events.map(({ eventName, position }) => [tenant, eventName, id, position]),
    event_names: [...new Set(triggers.events.map(({ eventName }) => eventName))],
    schedules: [...triggers.schedules],
  };
}
