/**
 * The header in which the API names to the bridge for whom it sends an event, in base64url of UTF-8. The
 * bridge takes it from the one token that may do everything, and from no other.
 */
export const PRINCIPAL_HEADER = 'x-sluice-principal';
