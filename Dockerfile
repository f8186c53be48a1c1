# The one image of Sluice: worker, bridge, API and command line are the same program with different arguments.
#
# tsx runs the sources as they are, and is needed at run time: sluice.config.ts and the actions that it names are the
# user's TypeScript, loaded at the start. So nothing is compiled, and what runs is what was tested. The first stage
# generates what has to be generated: the synchronous JSONata engine and the bundle of the workflows. Packages for
# development do not reach the second stage.
#
# Debian, not Alpine: the native part of Temporal's SDK needs glibc.

FROM node:20.20.2-bookworm-slim@sha256:2cf067cfed83d5ea958367df9f966191a942351a2df77d6f0193e162b5febfc0 AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN node scripts/prepare.mjs
RUN node scripts/bundle-workflows.mjs
RUN npm prune --omit=dev --ignore-scripts

FROM node:20.20.2-bookworm-slim@sha256:2cf067cfed83d5ea958367df9f966191a942351a2df77d6f0193e162b5febfc0
# For deploy/certificates.sh.
RUN apt-get update && apt-get install --yes --no-install-recommends openssl && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/package.json /app/sluice.config.ts /app/tsconfig.json ./
COPY --from=build /app/.sluice/cache ./.sluice/cache
COPY --from=build /app/actions ./actions
COPY --from=build /app/activities ./activities
COPY --from=build /app/api ./api
COPY --from=build /app/authorization ./authorization
COPY --from=build /app/channels ./channels
COPY --from=build /app/cli ./cli
COPY --from=build /app/client ./client
COPY --from=build /app/contracts ./contracts
COPY --from=build /app/definitions ./definitions
COPY --from=build /app/deploy ./deploy
COPY --from=build /app/encryption ./encryption
COPY --from=build /app/examples ./examples
COPY --from=build /app/expressions ./expressions
COPY --from=build /app/ingress ./ingress
COPY --from=build /app/projections ./projections
COPY --from=build /app/worker ./worker
COPY --from=build /app/workflows ./workflows
# A volume that is mounted here takes over this owner, so that the user can write an embedded store.
RUN mkdir /data && chown node:node /data
USER node
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/cli/bin.mjs"]
CMD ["worker"]
