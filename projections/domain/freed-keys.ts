/**
 * What a correlation key leaves behind when an event or a run is removed or emptied: its entries in the lists
 * by key, and the guard of a key that nothing else uses.
 */
import type { Statement } from '../connection/unit-of-work.js';

/** Of the event `$row`, whose key is `$id`: tenant, source, id. */
export const FREE_KEY_OF_EVENT: Statement = {
  label: 'event_by_key.remove',
  text: `IF $row.correlation_key != NONE {
  LET $name = $row.event_name;
  LET $part = fn::event_key($row.correlation_key);
  DELETE type::record('event_by_key', [$id[0], $name, $part, time::millis($row.received_at), $id[1], $id[2]]) RETURN NONE;
  LET $events = (SELECT VALUE id FROM event_by_key:[$id[0], $name, $part]..[$id[0], $name, $part, ..] LIMIT 1);
  LET $waits = (SELECT VALUE id FROM open_wait:[$id[0], $name, $part]..[$id[0], $name, $part, ..] LIMIT 1);
  IF array::len($events) + array::len($waits) = 0 { DELETE type::record('event_guard', [$id[0], $name, $part]) RETURN NONE };
}`,
};

/** Of the waits that the run `$run`, tenant and run id, left open when it was ended from outside. */
export const FREE_WAITS_OF_RUN: Statement = {
  label: 'open_wait.remove',
  text: `{
  LET $all = (SELECT id, event_names, correlation_key FROM wait:[$run[0], $run[1]]..[$run[0], $run[1], ..]);
  FOR $w IN $all {
    IF $w.correlation_key != NONE {
      LET $part = fn::event_key($w.correlation_key);
      FOR $name IN ($w.event_names ?? []) {
        DELETE type::record('open_wait', array::concat([$run[0], $name, $part], array::slice(record::id($w.id), 1))) RETURN NONE;
        LET $events = (SELECT VALUE id FROM event_by_key:[$run[0], $name, $part]..[$run[0], $name, $part, ..] LIMIT 1);
        LET $waits = (SELECT VALUE id FROM open_wait:[$run[0], $name, $part]..[$run[0], $name, $part, ..] LIMIT 1);
        IF array::len($events) + array::len($waits) = 0 { DELETE type::record('event_guard', [$run[0], $name, $part]) RETURN NONE };
      };
    };
  };
}`,
};
