/** A server that is lost in any way is dialled again without end, and every request ends meanwhile. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect, type Database } from '../../../projections/connection/connection.js';
import type { DatabaseOptions, DatabaseState } from '../../../projections/connection/options.js';
import { openProjections } from '../../../projections/index.js';
import { startProxy, type Proxy } from '../../support/servers/proxy.js';
import { startServer, type Server } from '../../support/servers/surreal-server.js';
import { waitFor } from '../../support/wait-for.js';
import { onEveryDatabase } from '../support/databases.js';

onEveryDatabase(
  'A connection that is lost',
  () => {
    let server: Server;
    let proxy: Proxy;
    let database: Database;
    let states: DatabaseState[];
    beforeEach(async () => {
      server = await startServer();
      proxy = await startProxy(server.port);
      states = [];
    });
    afterEach(async () => {
      await database.close();
      await proxy.close();
      await server.kill();
    });
    const open = async (more: Partial<DatabaseOptions> = {}): Promise<Database> =>
      (database = await connect({
        url: `ws://127.0.0.1:${proxy.port}`,
        username: 'root',
        password: 'root',
        unavailableAfterMs: 300,
        connectTimeoutMs: 2_000,
        silentAfterMs: 1_000,
        onState: (state) => states.push(state),
        ...more,
      }));
    const asks = async (): Promise<unknown> => (await database.request('RETURN 1'))[0];
    const answered = { ok: true, value: 1 };
    const isBack = (): Promise<unknown> =>
      waitFor(async () => expect(await asks()).toEqual(answered) ?? true);

    it('a sign-in that is refused is tried again until the password is put back [database-is-dialled-without-end]', async () => {
      await open();
      const root = await connect({ url: server.url, username: 'root', password: 'root' });
      const rename = async (password: string): Promise<void> => {
        const text = `DEFINE USER OVERWRITE root ON ROOT PASSWORD '${password}' ROLES OWNER`;
        expect((await root.request(text)).every(({ ok }) => ok)).toBe(true);
      };
      await rename('changed');
      proxy.cut();
      const refused = () => states.some(({ reason }) => reason?.includes('refuses the user root'));
      await waitFor(refused);
      await expect(asks()).rejects.toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
        retryable: true,
        message: expect.stringContaining('refuses the user root') as string,
      });
      await rename('root');
      await isBack();
      expect(states.at(-1)).toEqual({ connected: true });
      await root.close();
    });

    it('a server that goes silent ends each request as unknown, and is connected again once it speaks', async () => {
      await open();
      await database.request('DEFINE TABLE written SCHEMALESS');
      proxy.silence();
      await expect(database.transact('BEGIN; CREATE written:one; COMMIT')).rejects.toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
        retryable: true,
        message: expect.stringContaining('Whether the request took effect is not known') as string,
      });
      // A later one was never sent, and says nothing of that kind.
      await expect(asks()).rejects.toMatchObject({
        message: expect.not.stringContaining('not known') as string,
      });
      proxy.speak();
      await isBack();
      expect(states[0]).toMatchObject({
        connected: false,
        reason: expect.stringContaining('1000 ms') as string,
      });
    });

    it('a silent connection that is replaced in time fails no request', async () => {
      await open({ unavailableAfterMs: 20_000 });
      proxy.silence();
      const asked = asks();
      await waitFor(() => states.length > 0);
      proxy.speak();
      expect(await asked).toEqual(answered);
    });

    it('a server that is stopped and continued is connected again', async () => {
      await open();
      server.pause();
      await expect(asks()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      server.resume();
      await isBack();
    });

    it('a server that comes back empty counts as lost until it has the schema [an-empty-database-waits-for-its-restore]', async () => {
      const url = server.url;
      const options = { url, username: 'root', password: 'root', unavailableAfterMs: 300 };
      const projections = await openProjections({ ...options, onState: (state) => states.push(state) });
      database = projections.database;
      await server.kill();
      server = await startServer({ port: server.port });
      await waitFor(() => states.some(({ reason }) => reason?.includes('lacks the migration 0001')));
      await expect(projections.findDefinition('acme', 'any')).rejects.toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
        retryable: true,
        message: expect.stringContaining('restore') as string,
      });
      await (await openProjections(options)).close();
      await waitFor(async () => (await projections.findDefinition('acme', 'any')) ?? true);
      expect(states.at(-1)).toEqual({ connected: true });
    });

    it('a slow statement loses no connection, and ends at the time limit of a request', async () => {
      await open();
      const [slept] = await database.request('SLEEP 2s');
      expect(slept).toMatchObject({ ok: true });
      expect(states).toEqual([]);
      await expect(database.request('SLEEP 5s', {}, 200)).rejects.toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
        message: expect.stringContaining('not known') as string,
      });
      await isBack();
      expect(states).toEqual([]);
    });

    it('a connection to a silent server closes at once', async () => {
      await open();
      proxy.silence();
      const asked = asks();
      await Promise.all([
        expect(asked).rejects.toMatchObject({ message: expect.stringContaining('was closed') as string }),
        database.close(),
      ]);
    });
  },
  ['server'],
);
