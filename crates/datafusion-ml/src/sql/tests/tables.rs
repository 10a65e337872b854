//! Statements about tables: what is read, and that it prints as text that says the same.

use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion_ml_redshift::RedshiftDialect;

use super::super::{MlParser, Statement};

fn parse(sql: &str, dialect: &dyn Dialect) -> Statement {
    MlParser::parse_sql(sql, dialect).unwrap_or_else(|e| panic!("{sql}: {e}")).remove(0).unwrap()
}

#[test]
fn statements_print_as_text_that_says_the_same() {
    for (sql, expected) in [
        (
            r"copy T from 's3://b/p' iam_role default gzip delimiter ',' region 'us-east-1'",
            r"COPY T FROM 's3://b/p' IAM_ROLE default REGION 'us-east-1' DELIMITER ',' GZIP NULL '\N'",
        ),
        (
            r"COPY s.t (a, B) FROM 'x' csv delimiter as '\t' quote '''' MAXERROR AS 9 NULL AS '' ACCEPTINVCHARS '^'",
            r"COPY s.t (a, B) FROM 'x' CSV DELIMITER '\t' QUOTE '''' MAXERROR 9 NULL '' ACCEPTINVCHARS '^'",
        ),
        (r"COPY t FROM 'x' FORMAT AS JSON AS 'auto'", r"COPY t FROM 'x' JSON 'auto' NULL '\N'"),
        (r"COPY t FROM 'x' JSON 'auto ignorecase'", r"COPY t FROM 'x' JSON 'auto' NULL '\N'"),
        (r"COPY t FROM 'x' JSON 's3://b/Paths.json'", r"COPY t FROM 'x' JSON 's3://b/Paths.json' NULL '\N'"),
        (
            r"COPY t FROM 'x' NOLOAD MANIFEST IGNOREBLANKLINES ACCEPTANYDATE ESCAPE REMOVEQUOTES",
            r"COPY t FROM 'x' DELIMITER '|' REMOVEQUOTES ESCAPE NULL '\N' ACCEPTANYDATE IGNOREBLANKLINES MANIFEST NOLOAD",
        ),
        (r"COPY t FROM 'x' FIXEDWIDTH AS 'a: 3,b:10'", r"COPY t FROM 'x' FIXEDWIDTH 'a:3,b:10' NULL '\N'"),
        (
            r"UNLOAD ('SELECT ''a'' FROM t') TO 'p' FORMAT PARQUET PARTITION BY (a) ALLOWOVERWRITE",
            r"UNLOAD ('SELECT ''a'' FROM t') TO 'p' PARQUET PARTITION BY (a) ALLOWOVERWRITE",
        ),
        (
            r"UNLOAD ('SELECT 1') TO 'p' PARALLEL OFF MANIFEST VERBOSE ESCAPE ADDQUOTES HEADER NULL AS '@' EXTENSION 'txt'",
            r"UNLOAD ('SELECT 1') TO 'p' DELIMITER '|' HEADER ADDQUOTES ESCAPE NULL '@' EXTENSION 'txt' MANIFEST",
        ),
        (
            r"CREATE TABLE t (id INT IDENTITY(1, -1) ENCODE az64 NOT NULL) DISTKEY (id)",
            r"CREATE TABLE t (id INT IDENTITY(1, -1) NOT NULL)",
        ),
        (r"alter table T add b VARCHAR(3) NOT NULL ENCODE lzo", r"ALTER TABLE T ADD COLUMN b VARCHAR(3) NOT NULL"),
        (r"ALTER TABLE s.t DROP a RESTRICT", r"ALTER TABLE s.t DROP COLUMN a"),
        (r"ALTER TABLE t RENAME a TO b", r"ALTER TABLE t RENAME COLUMN a TO b"),
        (r"ALTER TABLE t RENAME TO u", r"ALTER TABLE t RENAME TO u"),
        (r"ALTER TABLE t OWNER TO ann", r"ALTER TABLE t OWNER TO ann"),
        (r"ALTER TABLE t ALTER COLUMN a TYPE VARCHAR(9)", r"ALTER TABLE t ALTER COLUMN a TYPE VARCHAR(9)"),
        (r"ALTER TABLE t ADD PRIMARY KEY (a)", r"ALTER TABLE t ADD PRIMARY KEY ( a )"),
        (r"ALTER TABLE t ALTER DISTSTYLE ALL", r"ALTER TABLE t ALTER DISTSTYLE ALL"),
        (r"CREATE TEMP TABLE t SORTKEY (a) AS SELECT 1 AS a", r"CREATE TEMPORARY TABLE t AS SELECT 1 AS a"),
    ] {
        for dialect in [&GenericDialect {} as &dyn Dialect, &RedshiftDialect] {
            let printed = parse(sql, dialect).to_string();
            assert_eq!(printed, expected);
            assert_eq!(parse(&printed, dialect).to_string(), expected);
        }
    }
}
