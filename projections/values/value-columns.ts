/**
 * Which columns hold values of runs and events, and which do not.
 *
 * Invariant [every-column-is-declared]: each text column of each table stands here, so a new column can't be
 * forgotten by what encrypts or erases values. What people filter, sort and list by is plain, and so are
 * names and ids: docs/encryption.md says what that shows.
 */

/**
 * What a text column holds: JSON of a value, or a list of such texts; free text, or a list of it; a
 * correlation key, or a list of them; or, after `plain`, why it holds none of these.
 */
export type ColumnUse = 'json' | 'text' | 'key' | `plain: ${string}`;

const ID = 'plain: an id or a place';
const NAME = 'plain: a name that people choose in a definition, a configuration or a policy';
const WORD = 'plain: one of a few words';
const WHO = 'plain: who acted, which is what an audit is for';
const LIST = 'plain: it sorts a list';
const DOCUMENT = "plain: a part of an author's document, which holds no data of runs";
const DIGEST = 'plain: a digest; it is keyed where values are encrypted';

/** Every text column, by table. */
export const COLUMNS: Readonly<Record<string, Readonly<Record<string, ColumnUse>>>> = {
  action_invocation: {
    action: NAME,
    artifacts: 'text',
    digest: DIGEST,
    error: 'json',
    error_code: WORD,
    input: 'json',
    lease_holder: ID,
    output: 'json',
    path: ID,
    run_id: ID,
    status: WORD,
    step_id: ID,
  },
  api_request: { answer: 'json', hash: DIGEST, holder: ID },
  audit: {
    act: WORD,
    code: WORD,
    issuer: WHO,
    kind: WORD,
    on: ID,
    outcome: WORD,
    request_id: ID,
    subject: WHO,
  },
  blob: { text: 'json' },
  calendar: { document: DOCUMENT, by: WHO },
  dead_letter: {
    acts: 'json',
    body: 'json',
    error_code: WORD,
    kind: WORD,
    list_key: LIST,
    reason: 'text',
    retry_with: 'json',
    run_id: ID,
    status: WORD,
    subject: NAME,
    tenant: ID,
  },
  definition: {
    definition: NAME,
    format: WORD,
    hash: 'plain: the digest of a document',
    published_by: WHO,
    source: DOCUMENT,
    tenant: ID,
  },
  definition_act: { kind: WORD, by: WHO },
  definition_triggers: {
    event_names: NAME,
    pauses: "plain: an operator's note on a schedule, which Temporal shows in clear",
    schedules: ID,
  },
  encryption: { print: DIGEST },
  event_delivery: {
    error: 'text',
    found_by: WORD,
    kind: WORD,
    returned: ID,
    sending: ID,
    status: WORD,
    waits: ID,
    workflow_id: ID,
  },
  event_trigger: { spec: DOCUMENT },
  evidence: { actor: WHO, body: 'json', decision: WORD, kind: WORD, path: ID, run_id: ID, tenant: ID },
  inbound_event: {
    conflicts: 'plain: times, names of what differs, and a digest that is keyed where values are encrypted',
    correlation_key: 'key',
    envelope: 'json',
    error: 'json',
    event_id: ID,
    event_name: NAME,
    outcome: WORD,
    resolved_by: NAME,
    retried: 'json',
    routed_to: ID,
    sender: WHO,
    source: ID,
    tenant: ID,
    tried: NAME,
    triggers: 'json',
    via: WORD,
  },
  open_wait: { kind: WORD, workflow_id: ID },
  outbox: {
    correlation_key: 'key',
    envelope: 'json',
    error: 'text',
    event_id: ID,
    event_name: NAME,
    run_id: ID,
    status: WORD,
    tenant: ID,
  },
  relay_lease: { holder: ID },
  run: {
    actor: WHO,
    cancel_reason: 'text',
    correlation_keys: 'key',
    definition: NAME,
    definition_hash: 'plain: the digest of a document',
    environment: NAME,
    error: 'json',
    error_code: WORD,
    list_key: LIST,
    parent_run_id: ID,
    parent_workflow_id: ID,
    payload: 'json',
    region: NAME,
    release: NAME,
    rerun_of_run_id: ID,
    rerun_of_workflow_id: ID,
    result: 'json',
    root_run_id: ID,
    root_workflow_id: ID,
    run_id: ID,
    state: 'plain: the business state, which people filter by',
    status: WORD,
    tenant: ID,
    trigger: 'json',
    workflow_id: ID,
  },
  run_event: { data: 'json', path: ID, type: WORD },
  run_head: { execution: ID },
  run_watch: { resync_execution: ID },
  schema_migration: { hash: 'plain: the digest of a migration', name: NAME },
  step: {
    action: NAME,
    error: 'json',
    error_code: WORD,
    idempotency_key: ID,
    input: 'json',
    kind: WORD,
    name: NAME,
    output: 'json',
    status: WORD,
    step_id: ID,
  },
  task: {
    account: WHO,
    body: 'json',
    claimed_by: WHO,
    execution: ID,
    kind: WORD,
    list_key: LIST,
    lists: LIST,
    priority: WORD,
    requested_by: WHO,
    role: WHO,
    status: WORD,
    task_type: NAME,
  },
  task_action: { action: WORD, actor: WHO, entry: 'json', error_code: WORD, status: WORD },
  task_notification: { account: WHO, category: WORD, role: WHO },
  temporal_owner: { cluster_id: ID, namespace: NAME, namespace_id: ID },
  trigger_retry: { act: 'json', letter: ID },
  wait: {
    child_run_id: ID,
    child_workflow_id: ID,
    correlation_key: 'key',
    event_id: ID,
    event_name: NAME,
    event_names: NAME,
    event_source: ID,
    filters: 'json',
    kind: WORD,
    reason: 'text',
    status: WORD,
  },
};

/** The columns that hold values, by table. */
export const VALUE_COLUMNS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(COLUMNS).flatMap(([table, columns]) => {
    const values = Object.keys(columns).filter((column) => !columns[column]?.startsWith('plain'));
    return values.length === 0 ? [] : [[table, values]];
  }),
);
