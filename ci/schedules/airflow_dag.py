"""A nightly audit in Airflow 3: put this file into the folder of DAGs, and `audit.sh` where the workers find it.

Retries are harmless: a run that was cut off goes on, a finished audit is only read, and its verdict is the same again.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    dag_id="dokimasia",
    schedule="17 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=10)},
):
    BashOperator(
        task_id="audit",
        bash_command="sh /opt/dokimasia/audit.sh plan.yaml",
        cwd="/var/lib/dokimasia",
        env={"DOKIMASIA_POLICY": "policy.yaml", "DOKIMASIA_BASELINE": "released"},
        append_env=True,
    )
