SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.answer (
    caller character varying NOT NULL,
    key character varying NOT NULL,
    digest character varying(64) NOT NULL,
    claimed_until timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    sealed bytea
);
CREATE TABLE public.api_key (
    id character varying NOT NULL,
    name character varying NOT NULL,
    secret_sha256 character varying(64) NOT NULL,
    scopes character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    expires_at timestamp with time zone
);
CREATE TABLE public.audit_event (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    action character varying NOT NULL,
    actor character varying NOT NULL,
    image_id character varying(32),
    result character varying NOT NULL,
    address character varying,
    request_id character varying,
    owner character varying,
    target character varying
);
CREATE SEQUENCE public.audit_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.audit_event_id_seq OWNED BY public.audit_event.id;
CREATE TABLE public.declaration (
    kind character varying NOT NULL,
    digest character varying(64) NOT NULL,
    variants character varying NOT NULL,
    first_seen_at timestamp with time zone NOT NULL
);
CREATE TABLE public.delivery (
    id character varying(32) NOT NULL,
    image_id character varying(32) NOT NULL,
    event character varying(32) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    attempts integer NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone,
    last_error character varying,
    CONSTRAINT ck_delivery_webhookevent CHECK (((event)::text = ANY ((ARRAY['image.ready'::character varying, 'image.held'::character varying, 'image.rejected'::character varying, 'image.failed'::character varying, 'image.deleted'::character varying])::text[])))
);
CREATE TABLE public.image (
    id character varying(32) NOT NULL,
    kind character varying NOT NULL,
    state character varying(32) NOT NULL,
    public boolean NOT NULL,
    owner character varying,
    attached_type character varying,
    attached_id character varying,
    filename character varying NOT NULL,
    declared_type character varying NOT NULL,
    declared_bytes bigint NOT NULL,
    checksum_algorithm character varying(32),
    checksum_value character varying,
    upload_attempt integer NOT NULL,
    attempt integer NOT NULL,
    token_generation integer NOT NULL,
    revision integer NOT NULL,
    content_type character varying,
    bytes bigint,
    sha256 character varying(64),
    width integer,
    height integer,
    renditions_expected integer,
    placeholder character varying,
    color character varying,
    original_kept boolean NOT NULL,
    ending_code character varying,
    ending_message character varying,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    lease_until timestamp with time zone,
    next_attempt_at timestamp with time zone,
    ready_at timestamp with time zone,
    purged_at timestamp with time zone,
    reprocess_wanted_at timestamp with time zone,
    reprocess_tries integer DEFAULT 0 NOT NULL,
    hidden boolean DEFAULT false NOT NULL,
    attached_at timestamp with time zone,
    "position" integer DEFAULT 0 NOT NULL,
    clear_due_at timestamp with time zone,
    multipart_id character varying,
    CONSTRAINT ck_image_attachment_is_whole CHECK (((attached_type IS NULL) = (attached_id IS NULL))),
    CONSTRAINT ck_image_checksum_is_whole CHECK (((checksum_algorithm IS NULL) = (checksum_value IS NULL))),
    CONSTRAINT ck_image_checksumalgorithm CHECK (((checksum_algorithm)::text = ANY ((ARRAY['crc32c'::character varying, 'sha256'::character varying])::text[]))),
    CONSTRAINT ck_image_ending_is_whole CHECK (((ending_code IS NULL) = (ending_message IS NULL))),
    CONSTRAINT ck_image_look_is_whole CHECK (((placeholder IS NULL) = (color IS NULL))),
    CONSTRAINT ck_image_state CHECK (((state)::text = ANY ((ARRAY['requested'::character varying, 'uploaded'::character varying, 'processing'::character varying, 'held'::character varying, 'ready'::character varying, 'rejected'::character varying, 'failed'::character varying, 'expired'::character varying, 'deleted'::character varying])::text[])))
);
CREATE TABLE public.kind (
    name character varying NOT NULL,
    digest character varying(64) NOT NULL,
    since timestamp with time zone NOT NULL
);
CREATE TABLE public.owner (
    id character varying NOT NULL,
    images integer NOT NULL,
    bytes bigint NOT NULL,
    open_uploads integer NOT NULL,
    minute bigint NOT NULL,
    requests integer NOT NULL,
    blocked_at timestamp with time zone
);
CREATE TABLE public.place (
    type character varying NOT NULL,
    id character varying NOT NULL,
    kind character varying NOT NULL,
    changes bigint NOT NULL
);
CREATE TABLE public.rendition (
    image_id character varying(32) NOT NULL,
    variant character varying NOT NULL,
    width integer NOT NULL,
    format character varying NOT NULL,
    fingerprint character varying NOT NULL,
    height integer NOT NULL,
    bytes bigint NOT NULL,
    retired_at timestamp with time zone
);
CREATE TABLE public.supported (
    oldest character varying(32) NOT NULL
);
ALTER TABLE ONLY public.audit_event ALTER COLUMN id SET DEFAULT nextval('public.audit_event_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0008');
INSERT INTO public.answer VALUES ('key:k1', '0190-once', 'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', '2026-11-01 12:01:00+00', '2026-11-02 12:00:00+00', '\x7365616c6564');
INSERT INTO public.api_key VALUES ('k1', 'shop', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'read upload', '2026-11-01 12:00:00+00', NULL, NULL);
INSERT INTO public.api_key VALUES ('k2', 'old shop', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'read', '2026-11-01 12:00:00+00', NULL, '2026-11-02 12:00:00+00');
INSERT INTO public.audit_event VALUES (1, '2026-11-01 12:00:00+00', 'image.ready', 'system', '00000000000000000000000000000003', 'ok', '192.0.2.1', 'r1', NULL, NULL);
INSERT INTO public.declaration VALUES ('avatar', '138e10bd2628e0a8e707c8d4925e34e877272edb3b71adbb3d00afd781bbb68c', '{"thumb": "aaaaaaaaaaaaaaaa"}', '2026-11-01 12:00:00+00');
INSERT INTO public.declaration VALUES ('avatar', '746ad83244c54f0894f0a75ec5fb96fbb70332c9535a3df01099d642ac5c876c', '{"thumb": "bbbbbbbbbbbbbbbb"}', '2026-11-01 12:00:00+00');
INSERT INTO public.delivery VALUES ('dddddddddddddddddddddddddddddddd', '00000000000000000000000000000003', 'image.ready', '2026-11-01 12:00:00+00', 0, '2026-11-01 12:00:00+00', NULL, NULL);
INSERT INTO public.image VALUES ('00000000000000000000000000000001', 'avatar', 'requested', true, 'user-42', 'user', '42', 'me.jpg', 'image/jpeg', 4167727, 'crc32c', '4waSgw==', 1, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, '2026-11-01 12:00:00+00', '2026-11-01 12:15:00+00', NULL, NULL, NULL, NULL, NULL, 0, false, '2026-11-01 12:00:00+00', 0, NULL, NULL);
INSERT INTO public.image VALUES ('00000000000000000000000000000002', 'avatar', 'uploaded', true, NULL, NULL, NULL, 'me.jpg', 'image/jpeg', 4167727, NULL, NULL, 1, 0, 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, '2026-11-01 12:00:00+00', '2026-11-01 12:15:00+00', NULL, NULL, NULL, NULL, NULL, 0, false, NULL, 0, NULL, NULL);
INSERT INTO public.image VALUES ('00000000000000000000000000000003', 'avatar', 'ready', true, 'user-42', 'user', '42', 'me.jpg', 'image/jpeg', 4167727, NULL, NULL, 1, 1, 0, 6, 'image/jpeg', 4167727, 'abababababababababababababababababababababababababababababababab', 4032, 3024, 2, '3OcRJYB4d3h/iIeHeEh3eIhw+j2w', '#7a5b3c', true, NULL, NULL, '2026-11-01 12:00:00+00', '2026-11-01 12:15:00+00', NULL, NULL, '2026-11-01 12:00:00+00', NULL, NULL, 0, false, '2026-11-01 12:00:00+00', 0, NULL, NULL);
INSERT INTO public.image VALUES ('00000000000000000000000000000004', 'avatar', 'rejected', true, 'user-42', 'user', '42', 'me.jpg', 'image/jpeg', 4167727, NULL, NULL, 1, 1, 0, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, 'truncated', 'The end of this image is missing.', '2026-11-01 12:00:00+00', '2026-11-01 12:15:00+00', NULL, NULL, NULL, NULL, NULL, 0, false, '2026-11-01 12:00:00+00', 0, NULL, NULL);
INSERT INTO public.image VALUES ('00000000000000000000000000000006', 'avatar', 'requested', true, 'author', 'post', '7', 'me.jpg', 'image/jpeg', 4167727, NULL, NULL, 1, 0, 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, '2026-11-01 12:00:00+00', '2026-11-01 12:15:00+00', NULL, NULL, NULL, NULL, NULL, 0, true, '2026-11-01 12:00:00+00', 0, NULL, NULL);
INSERT INTO public.image VALUES ('00000000000000000000000000000005', 'avatar', 'requested', true, 'author', 'post', '7', 'me.jpg', 'image/jpeg', 4167727, NULL, NULL, 1, 0, 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, '2026-11-01 12:00:00+00', '2026-11-01 12:15:00+00', NULL, NULL, NULL, NULL, NULL, 0, false, '2026-11-01 12:00:00+00', 1, NULL, NULL);
INSERT INTO public.image VALUES ('00000000000000000000000000000007', 'avatar', 'requested', true, 'blocked', NULL, NULL, 'me.jpg', 'image/jpeg', 4167727, NULL, NULL, 1, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, '2026-11-01 12:00:00+00', '2026-11-01 12:15:00+00', NULL, NULL, NULL, NULL, NULL, 0, false, NULL, 0, NULL, NULL);
INSERT INTO public.image VALUES ('00000000000000000000000000000008', 'avatar', 'ready', true, NULL, NULL, NULL, 'me.jpg', 'image/jpeg', 4167727, NULL, NULL, 1, 1, 0, 6, 'image/jpeg', 4167727, 'abababababababababababababababababababababababababababababababab', 4032, 3024, 2, NULL, NULL, true, NULL, NULL, '2026-11-01 12:00:00+00', '2026-11-01 12:15:00+00', NULL, NULL, '2026-11-01 12:00:00+00', NULL, '2026-11-01 12:00:00+00', 0, false, NULL, 0, '2026-11-01 12:05:00+00', NULL);
INSERT INTO public.kind VALUES ('avatar', '746ad83244c54f0894f0a75ec5fb96fbb70332c9535a3df01099d642ac5c876c', '2026-11-01 12:00:00+00');
INSERT INTO public.owner VALUES ('user-42', 2, 8335454, 1, 29892240, 3, NULL);
INSERT INTO public.owner VALUES ('author', 2, 8335454, 2, 29892240, 2, NULL);
INSERT INTO public.owner VALUES ('blocked', 1, 4167727, 1, 29892240, 1, '2026-11-01 12:00:00+00');
INSERT INTO public.owner VALUES ('never seen', 0, 0, 0, 0, 0, '2026-11-01 12:00:00+00');
INSERT INTO public.place VALUES ('post', '7', 'avatar', 1);
INSERT INTO public.rendition VALUES ('00000000000000000000000000000003', 'thumb', 96, 'webp', '0123456789abcdef', 96, 3120, NULL);
INSERT INTO public.rendition VALUES ('00000000000000000000000000000003', 'thumb', 192, 'webp', '0123456789abcdef', 96, 3120, NULL);
INSERT INTO public.rendition VALUES ('00000000000000000000000000000008', 'thumb', 96, 'webp', '0123456789abcdef', 96, 3120, '2026-11-01 12:00:00+00');
INSERT INTO public.supported VALUES ('0003');
SELECT pg_catalog.setval('public.audit_event_id_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.answer
    ADD CONSTRAINT pk_answer PRIMARY KEY (caller, key);
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT pk_api_key PRIMARY KEY (id);
ALTER TABLE ONLY public.audit_event
    ADD CONSTRAINT pk_audit_event PRIMARY KEY (id);
ALTER TABLE ONLY public.declaration
    ADD CONSTRAINT pk_declaration PRIMARY KEY (kind, digest);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT pk_delivery PRIMARY KEY (id);
ALTER TABLE ONLY public.image
    ADD CONSTRAINT pk_image PRIMARY KEY (id);
ALTER TABLE ONLY public.kind
    ADD CONSTRAINT pk_kind PRIMARY KEY (name);
ALTER TABLE ONLY public.owner
    ADD CONSTRAINT pk_owner PRIMARY KEY (id);
ALTER TABLE ONLY public.place
    ADD CONSTRAINT pk_place PRIMARY KEY (type, id, kind);
ALTER TABLE ONLY public.rendition
    ADD CONSTRAINT pk_rendition PRIMARY KEY (image_id, variant, width, format, fingerprint);
ALTER TABLE ONLY public.supported
    ADD CONSTRAINT pk_supported PRIMARY KEY (oldest);
CREATE INDEX ix_answer_expires ON public.answer USING btree (expires_at);
CREATE INDEX ix_audit_event_actor ON public.audit_event USING btree (actor, id);
CREATE INDEX ix_audit_event_at ON public.audit_event USING btree (at);
CREATE INDEX ix_audit_event_image ON public.audit_event USING btree (image_id, id) WHERE (image_id IS NOT NULL);
CREATE INDEX ix_audit_event_owner ON public.audit_event USING btree (owner, id) WHERE (owner IS NOT NULL);
CREATE INDEX ix_delivery_due ON public.delivery USING btree (settled_at, next_attempt_at) WHERE (settled_at IS NULL);
CREATE INDEX ix_delivery_image ON public.delivery USING btree (image_id);
CREATE INDEX ix_delivery_unsettled ON public.delivery USING btree (settled_at, created_at) WHERE (settled_at IS NULL);
CREATE INDEX ix_image_attached ON public.image USING btree (attached_type, attached_id, id) WHERE (attached_type IS NOT NULL);
CREATE INDEX ix_image_kind ON public.image USING btree (kind, id);
CREATE INDEX ix_image_owner ON public.image USING btree (owner, id) WHERE (owner IS NOT NULL);
CREATE INDEX ix_image_processing ON public.image USING btree (state, lease_until) WHERE ((state)::text = 'processing'::text);
CREATE INDEX ix_image_purged ON public.image USING btree (purged_at) WHERE (purged_at IS NOT NULL);
CREATE INDEX ix_image_requested ON public.image USING btree (state, expires_at) WHERE ((state)::text = 'requested'::text);
CREATE INDEX ix_image_state ON public.image USING btree (state, id);
CREATE INDEX ix_image_unclear ON public.image USING btree (clear_due_at) WHERE (clear_due_at IS NOT NULL);
CREATE INDEX ix_image_unpurged ON public.image USING btree (purged_at, COALESCE(next_attempt_at, created_at)) WHERE (((state)::text = ANY ((ARRAY['deleted'::character varying, 'expired'::character varying, 'rejected'::character varying])::text[])) AND (purged_at IS NULL));
CREATE INDEX ix_image_uploaded ON public.image USING btree (state, COALESCE(next_attempt_at, created_at)) WHERE ((state)::text = 'uploaded'::text);
CREATE INDEX ix_image_waiting ON public.image USING btree (state, owner) WHERE (((state)::text = 'uploaded'::text) AND (owner IS NOT NULL));
CREATE INDEX ix_image_wanted_again ON public.image USING btree (state, COALESCE(next_attempt_at, reprocess_wanted_at)) WHERE (((state)::text = 'ready'::text) AND (reprocess_wanted_at IS NOT NULL));
CREATE INDEX ix_owner_blocked ON public.owner USING btree (id) WHERE (blocked_at IS NOT NULL);
CREATE INDEX ix_rendition_retired ON public.rendition USING btree (retired_at) WHERE (retired_at IS NOT NULL);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT fk_delivery_image_id_image FOREIGN KEY (image_id) REFERENCES public.image(id);
ALTER TABLE ONLY public.rendition
    ADD CONSTRAINT fk_rendition_image_id_image FOREIGN KEY (image_id) REFERENCES public.image(id);
