BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0008');
CREATE TABLE answer (
	caller VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	claimed_until DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	sealed BLOB, 
	CONSTRAINT pk_answer PRIMARY KEY (caller, "key")
);
INSERT INTO "answer" VALUES('key:k1','0190-once','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','2026-11-01 12:01:00.000000','2026-11-02 12:00:00.000000',X'7365616C6564');
CREATE TABLE api_key (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	secret_sha256 VARCHAR(64) NOT NULL, 
	scopes VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	revoked_at DATETIME, expires_at DATETIME, 
	CONSTRAINT pk_api_key PRIMARY KEY (id)
);
INSERT INTO "api_key" VALUES('k1','shop','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','read upload','2026-11-01 12:00:00.000000',NULL,NULL);
INSERT INTO "api_key" VALUES('k2','old shop','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','read','2026-11-01 12:00:00.000000',NULL,'2026-11-02 12:00:00.000000');
CREATE TABLE audit_event (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	action VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	image_id VARCHAR(32), 
	result VARCHAR NOT NULL, 
	address VARCHAR, 
	request_id VARCHAR, owner VARCHAR, target VARCHAR, 
	CONSTRAINT pk_audit_event PRIMARY KEY (id)
);
INSERT INTO "audit_event" VALUES(1,'2026-11-01 12:00:00.000000','image.ready','system','00000000000000000000000000000003','ok','192.0.2.1','r1',NULL,NULL);
CREATE TABLE declaration (
	kind VARCHAR NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	variants VARCHAR NOT NULL, 
	first_seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_declaration PRIMARY KEY (kind, digest)
);
INSERT INTO "declaration" VALUES('avatar','138e10bd2628e0a8e707c8d4925e34e877272edb3b71adbb3d00afd781bbb68c','{"thumb": "aaaaaaaaaaaaaaaa"}','2026-11-01 12:00:00.000000');
INSERT INTO "declaration" VALUES('avatar','746ad83244c54f0894f0a75ec5fb96fbb70332c9535a3df01099d642ac5c876c','{"thumb": "bbbbbbbbbbbbbbbb"}','2026-11-01 12:00:00.000000');
CREATE TABLE delivery (
	id VARCHAR(32) NOT NULL, 
	image_id VARCHAR(32) NOT NULL, 
	event VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt_at DATETIME NOT NULL, 
	settled_at DATETIME, 
	last_error VARCHAR, 
	CONSTRAINT pk_delivery PRIMARY KEY (id), 
	CONSTRAINT fk_delivery_image_id_image FOREIGN KEY(image_id) REFERENCES image (id), 
	CONSTRAINT ck_delivery_webhookevent CHECK (event IN ('image.ready', 'image.held', 'image.rejected', 'image.failed', 'image.deleted'))
);
INSERT INTO "delivery" VALUES('dddddddddddddddddddddddddddddddd','00000000000000000000000000000003','image.ready','2026-11-01 12:00:00.000000',0,'2026-11-01 12:00:00.000000',NULL,NULL);
CREATE TABLE image (
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	public BOOLEAN NOT NULL, 
	owner VARCHAR, 
	attached_type VARCHAR, 
	attached_id VARCHAR, 
	filename VARCHAR NOT NULL, 
	declared_type VARCHAR NOT NULL, 
	declared_bytes BIGINT NOT NULL, 
	checksum_algorithm VARCHAR(32), 
	checksum_value VARCHAR, 
	upload_attempt INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	token_generation INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	content_type VARCHAR, 
	bytes BIGINT, 
	sha256 VARCHAR(64), 
	width INTEGER, 
	height INTEGER, 
	renditions_expected INTEGER, 
	placeholder VARCHAR, 
	color VARCHAR, 
	original_kept BOOLEAN NOT NULL, 
	ending_code VARCHAR, 
	ending_message VARCHAR, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	lease_until DATETIME, 
	next_attempt_at DATETIME, 
	ready_at DATETIME, 
	purged_at DATETIME, 
	reprocess_wanted_at DATETIME, 
	reprocess_tries INTEGER DEFAULT '0' NOT NULL, hidden BOOLEAN DEFAULT 0 NOT NULL, attached_at DATETIME, position INTEGER DEFAULT '0' NOT NULL, clear_due_at DATETIME, multipart_id VARCHAR, 
	CONSTRAINT pk_image PRIMARY KEY (id), 
	CONSTRAINT ck_image_attachment_is_whole CHECK ((attached_type IS NULL) = (attached_id IS NULL)), 
	CONSTRAINT ck_image_checksum_is_whole CHECK ((checksum_algorithm IS NULL) = (checksum_value IS NULL)), 
	CONSTRAINT ck_image_look_is_whole CHECK ((placeholder IS NULL) = (color IS NULL)), 
	CONSTRAINT ck_image_ending_is_whole CHECK ((ending_code IS NULL) = (ending_message IS NULL)), 
	CONSTRAINT ck_image_state CHECK (state IN ('requested', 'uploaded', 'processing', 'held', 'ready', 'rejected', 'failed', 'expired', 'deleted')), 
	CONSTRAINT ck_image_checksumalgorithm CHECK (checksum_algorithm IN ('crc32c', 'sha256'))
);
INSERT INTO "image" VALUES('00000000000000000000000000000001','avatar','requested',1,'user-42','user','42','me.jpg','image/jpeg',4167727,'crc32c','4waSgw==',1,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'2026-11-01 12:00:00.000000','2026-11-01 12:15:00.000000',NULL,NULL,NULL,NULL,NULL,0,0,'2026-11-01 12:00:00.000000',0,NULL,NULL);
INSERT INTO "image" VALUES('00000000000000000000000000000002','avatar','uploaded',1,NULL,NULL,NULL,'me.jpg','image/jpeg',4167727,NULL,NULL,1,0,0,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'2026-11-01 12:00:00.000000','2026-11-01 12:15:00.000000',NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL);
INSERT INTO "image" VALUES('00000000000000000000000000000003','avatar','ready',1,'user-42','user','42','me.jpg','image/jpeg',4167727,NULL,NULL,1,1,0,6,'image/jpeg',4167727,'abababababababababababababababababababababababababababababababab',4032,3024,2,'3OcRJYB4d3h/iIeHeEh3eIhw+j2w','#7a5b3c',1,NULL,NULL,'2026-11-01 12:00:00.000000','2026-11-01 12:15:00.000000',NULL,NULL,'2026-11-01 12:00:00.000000',NULL,NULL,0,0,'2026-11-01 12:00:00.000000',0,NULL,NULL);
INSERT INTO "image" VALUES('00000000000000000000000000000004','avatar','rejected',1,'user-42','user','42','me.jpg','image/jpeg',4167727,NULL,NULL,1,1,0,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,'truncated','The end of this image is missing.','2026-11-01 12:00:00.000000','2026-11-01 12:15:00.000000',NULL,NULL,NULL,NULL,NULL,0,0,'2026-11-01 12:00:00.000000',0,NULL,NULL);
INSERT INTO "image" VALUES('00000000000000000000000000000005','avatar','requested',1,'author','post','7','me.jpg','image/jpeg',4167727,NULL,NULL,1,0,0,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'2026-11-01 12:00:00.000000','2026-11-01 12:15:00.000000',NULL,NULL,NULL,NULL,NULL,0,0,'2026-11-01 12:00:00.000000',1,NULL,NULL);
INSERT INTO "image" VALUES('00000000000000000000000000000006','avatar','requested',1,'author','post','7','me.jpg','image/jpeg',4167727,NULL,NULL,1,0,0,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'2026-11-01 12:00:00.000000','2026-11-01 12:15:00.000000',NULL,NULL,NULL,NULL,NULL,0,1,'2026-11-01 12:00:00.000000',0,NULL,NULL);
INSERT INTO "image" VALUES('00000000000000000000000000000007','avatar','requested',1,'blocked',NULL,NULL,'me.jpg','image/jpeg',4167727,NULL,NULL,1,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'2026-11-01 12:00:00.000000','2026-11-01 12:15:00.000000',NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL);
INSERT INTO "image" VALUES('00000000000000000000000000000008','avatar','ready',1,NULL,NULL,NULL,'me.jpg','image/jpeg',4167727,NULL,NULL,1,1,0,6,'image/jpeg',4167727,'abababababababababababababababababababababababababababababababab',4032,3024,2,NULL,NULL,1,NULL,NULL,'2026-11-01 12:00:00.000000','2026-11-01 12:15:00.000000',NULL,NULL,'2026-11-01 12:00:00.000000',NULL,'2026-11-01 12:00:00.000000',0,0,NULL,0,'2026-11-01 12:05:00.000000',NULL);
CREATE TABLE kind (
	name VARCHAR NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	since DATETIME NOT NULL, 
	CONSTRAINT pk_kind PRIMARY KEY (name)
);
INSERT INTO "kind" VALUES('avatar','746ad83244c54f0894f0a75ec5fb96fbb70332c9535a3df01099d642ac5c876c','2026-11-01 12:00:00.000000');
CREATE TABLE owner (
	id VARCHAR NOT NULL, 
	images INTEGER NOT NULL, 
	bytes BIGINT NOT NULL, 
	open_uploads INTEGER NOT NULL, 
	minute BIGINT NOT NULL, 
	requests INTEGER NOT NULL, 
	blocked_at DATETIME, 
	CONSTRAINT pk_owner PRIMARY KEY (id)
);
INSERT INTO "owner" VALUES('user-42',2,8335454,1,29892240,3,NULL);
INSERT INTO "owner" VALUES('author',2,8335454,2,29892240,2,NULL);
INSERT INTO "owner" VALUES('blocked',1,4167727,1,29892240,1,'2026-11-01 12:00:00.000000');
INSERT INTO "owner" VALUES('never seen',0,0,0,0,0,'2026-11-01 12:00:00.000000');
CREATE TABLE place (
	type VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	changes BIGINT NOT NULL, 
	CONSTRAINT pk_place PRIMARY KEY (type, id, kind)
);
INSERT INTO "place" VALUES('post','7','avatar',1);
CREATE TABLE rendition (
	image_id VARCHAR(32) NOT NULL, 
	variant VARCHAR NOT NULL, 
	width INTEGER NOT NULL, 
	format VARCHAR NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	height INTEGER NOT NULL, 
	bytes BIGINT NOT NULL, 
	retired_at DATETIME, 
	CONSTRAINT pk_rendition PRIMARY KEY (image_id, variant, width, format, fingerprint), 
	CONSTRAINT fk_rendition_image_id_image FOREIGN KEY(image_id) REFERENCES image (id)
);
INSERT INTO "rendition" VALUES('00000000000000000000000000000003','thumb',96,'webp','0123456789abcdef',96,3120,NULL);
INSERT INTO "rendition" VALUES('00000000000000000000000000000003','thumb',192,'webp','0123456789abcdef',96,3120,NULL);
INSERT INTO "rendition" VALUES('00000000000000000000000000000008','thumb',96,'webp','0123456789abcdef',96,3120,'2026-11-01 12:00:00.000000');
CREATE TABLE supported (
	oldest VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_supported PRIMARY KEY (oldest)
);
INSERT INTO "supported" VALUES('0003');
CREATE INDEX ix_image_kind ON image (kind, id);
CREATE INDEX ix_image_state ON image (state, id);
CREATE INDEX ix_image_owner ON image (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX ix_image_attached ON image (attached_type, attached_id, id) WHERE attached_type IS NOT NULL;
CREATE INDEX ix_image_requested ON image (state, expires_at) WHERE state = 'requested';
CREATE INDEX ix_image_uploaded ON image (state, coalesce(next_attempt_at, created_at)) WHERE state = 'uploaded';
CREATE INDEX ix_image_processing ON image (state, lease_until) WHERE state = 'processing';
CREATE INDEX ix_image_unpurged ON image (purged_at, coalesce(next_attempt_at, created_at)) WHERE state IN ('deleted', 'expired', 'rejected') AND purged_at IS NULL;
CREATE INDEX ix_image_wanted_again ON image (state, coalesce(next_attempt_at, reprocess_wanted_at)) WHERE state = 'ready' AND reprocess_wanted_at IS NOT NULL;
CREATE INDEX ix_image_purged ON image (purged_at) WHERE purged_at IS NOT NULL;
CREATE INDEX ix_rendition_retired ON rendition (retired_at) WHERE retired_at IS NOT NULL;
CREATE INDEX ix_audit_event_image ON audit_event (image_id, id) WHERE image_id IS NOT NULL;
CREATE INDEX ix_audit_event_at ON audit_event (at);
CREATE INDEX ix_answer_expires ON answer (expires_at);
CREATE INDEX ix_audit_event_owner ON audit_event (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX ix_audit_event_actor ON audit_event (actor, id);
CREATE INDEX ix_delivery_image ON delivery (image_id);
CREATE INDEX ix_delivery_unsettled ON delivery (settled_at, created_at) WHERE settled_at IS NULL;
CREATE INDEX ix_image_unclear ON image (clear_due_at) WHERE clear_due_at IS NOT NULL;
CREATE INDEX ix_image_waiting ON image (state, owner) WHERE state = 'uploaded' AND owner IS NOT NULL;
CREATE INDEX ix_owner_blocked ON owner (id) WHERE blocked_at IS NOT NULL;
CREATE INDEX ix_delivery_due ON delivery (settled_at, next_attempt_at) WHERE settled_at IS NULL;
COMMIT;
