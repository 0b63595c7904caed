"""First schema: people, agents, policies, premiums, leads, tickets and flags."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# In the order in which they can be created; dropped in reverse.
TABLES = (
    "feature_flags",
    "providers",
    "users",
    "agents",
    "leads",
    "policyholders",
    "policies",
    "coverages",
    "premiums",
    "tickets",
)


def upgrade() -> None:
    """Create all tables and indexes."""
    _create_feature_flags()
    _create_providers()
    _create_users()
    _create_agents()
    _create_leads()
    _create_policyholders()
    _create_policies()
    _create_coverages()
    _create_premiums()
    _create_tickets()


def downgrade() -> None:
    """Drop everything."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_feature_flags() -> None:
    op.create_table(
        "feature_flags",
        sa.Column("flag_id", sa.String(length=36), nullable=False),
        sa.Column("flag_name", sa.String(length=80), nullable=False),
        sa.Column("flag_description", sa.String(length=200), nullable=False),
        sa.Column("flag_type", sa.String(length=20), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("tenant_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("flag_id"),
        sa.UniqueConstraint("flag_name"),
    )


def _create_providers() -> None:
    op.create_table(
        "providers",
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("provider_code", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("provider_id"),
        sa.UniqueConstraint("provider_code"),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("phone_number", sa.String(length=20), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("first_name", sa.String(length=80), nullable=True),
        sa.Column("last_name", sa.String(length=80), nullable=True),
        sa.Column("display_name", sa.String(length=160), nullable=True),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("phone_verified", sa.Boolean(), nullable=False),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("language_preference", sa.String(length=20), nullable=True),
        sa.Column("timezone", sa.String(length=60), nullable=True),
        sa.Column("theme_preference", sa.String(length=20), nullable=True),
        sa.Column("notification_preferences", sa.JSON(), nullable=True),
        sa.Column("address", sa.JSON(), nullable=True),
        sa.Column("emergency_contact", sa.JSON(), nullable=True),
        sa.Column("region", sa.String(length=40), nullable=True),
        sa.Column("provider_id", sa.String(length=36), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.provider_id"],
        ),
        sa.PrimaryKeyConstraint("user_id"),
        sa.UniqueConstraint("phone_number"),
    )
    op.create_index("ix_users_last_login_at", "users", ["last_login_at"], unique=False)
    op.create_index("ix_users_role", "users", ["role", "user_id"], unique=False)


def _create_agents() -> None:
    op.create_table(
        "agents",
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("parent_agent_id", sa.String(length=36), nullable=True),
        sa.Column("agent_code", sa.String(length=20), nullable=False),
        sa.Column("license_number", sa.String(length=40), nullable=False),
        sa.Column("business_name", sa.String(length=120), nullable=False),
        sa.Column("territory", sa.String(length=80), nullable=True),
        sa.Column("region", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("verification_status", sa.String(length=20), nullable=False),
        sa.Column("hierarchy_level", sa.Integer(), nullable=False),
        sa.Column("customer_satisfaction", sa.Numeric(precision=3, scale=2, asdecimal=False), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_agent_id"],
            ["agents.agent_id"],
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.provider_id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.user_id"],
        ),
        sa.PrimaryKeyConstraint("agent_id"),
        sa.UniqueConstraint("agent_code"),
        sa.UniqueConstraint("user_id"),
    )
    op.create_index("ix_agents_parent_agent_id", "agents", ["parent_agent_id"], unique=False)
    op.create_index("ix_agents_provider_id", "agents", ["provider_id"], unique=False)
    op.create_index("ix_agents_region", "agents", ["region"], unique=False)


def _create_leads() -> None:
    op.create_table(
        "leads",
        sa.Column("lead_id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("customer_name", sa.String(length=160), nullable=False),
        sa.Column("contact_number", sa.String(length=20), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=True),
        sa.Column("lead_source", sa.String(length=40), nullable=False),
        sa.Column("lead_status", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.String(length=20), nullable=False),
        sa.Column("insurance_type", sa.String(length=20), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_contact_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.agent_id"],
        ),
        sa.PrimaryKeyConstraint("lead_id"),
    )
    op.create_index("ix_leads_agent", "leads", ["agent_id", "created_at", "lead_id"], unique=False)
    op.create_index("ix_leads_all", "leads", ["created_at", "lead_id"], unique=False)


def _create_policyholders() -> None:
    op.create_table(
        "policyholders",
        sa.Column("policyholder_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("date_of_birth", sa.Date(), nullable=False),
        sa.Column("city", sa.String(length=60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.agent_id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.user_id"],
        ),
        sa.PrimaryKeyConstraint("policyholder_id"),
        sa.UniqueConstraint("user_id"),
    )
    op.create_index("ix_policyholders_agent", "policyholders", ["agent_id", "policyholder_id"], unique=False)


def _create_policies() -> None:
    op.create_table(
        "policies",
        sa.Column("policy_id", sa.String(length=36), nullable=False),
        sa.Column("policy_number", sa.String(length=60), nullable=False),
        sa.Column("provider_policy_id", sa.String(length=60), nullable=True),
        sa.Column("policyholder_id", sa.String(length=36), nullable=False),
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("policy_type", sa.String(length=40), nullable=False),
        sa.Column("plan_name", sa.String(length=120), nullable=False),
        sa.Column("plan_code", sa.String(length=40), nullable=True),
        sa.Column("category", sa.String(length=20), nullable=True),
        sa.Column("sum_assured", sa.Numeric(precision=14, scale=2, asdecimal=False), nullable=False),
        sa.Column("premium_amount", sa.Numeric(precision=14, scale=2, asdecimal=False), nullable=False),
        sa.Column("premium_frequency", sa.String(length=20), nullable=False),
        sa.Column("premium_mode", sa.String(length=20), nullable=True),
        sa.Column("application_date", sa.Date(), nullable=False),
        sa.Column("approval_date", sa.Date(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("maturity_date", sa.Date(), nullable=True),
        sa.Column("renewal_date", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("sub_status", sa.String(length=40), nullable=True),
        sa.Column("payment_status", sa.String(length=20), nullable=False),
        sa.Column("total_payments", sa.Integer(), nullable=False),
        sa.Column("outstanding_amount", sa.Numeric(precision=14, scale=2, asdecimal=False), nullable=False),
        sa.Column("next_payment_date", sa.Date(), nullable=True),
        sa.Column("nominee_details", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.agent_id"],
        ),
        sa.ForeignKeyConstraint(
            ["policyholder_id"],
            ["policyholders.policyholder_id"],
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.provider_id"],
        ),
        sa.PrimaryKeyConstraint("policy_id"),
    )
    _index_policies()


def _index_policies() -> None:
    op.create_index("ix_policies_number", "policies", ["policy_number"], unique=True)
    op.create_index("ix_policies_list_agent", "policies", ["agent_id", "application_date", "policy_id"], unique=False)
    op.create_index("ix_policies_list_all", "policies", ["application_date", "policy_id"], unique=False)
    op.create_index(
        "ix_policies_list_holder", "policies", ["policyholder_id", "application_date", "policy_id"], unique=False
    )
    op.create_index(
        "ix_policies_list_provider", "policies", ["provider_id", "application_date", "policy_id"], unique=False
    )
    op.create_index("ix_policies_list_status", "policies", ["status", "application_date", "policy_id"], unique=False)


def _create_coverages() -> None:
    op.create_table(
        "coverages",
        sa.Column("coverage_id", sa.String(length=36), nullable=False),
        sa.Column("policy_id", sa.String(length=36), nullable=False),
        sa.Column("coverage_type", sa.String(length=60), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2, asdecimal=False), nullable=False),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.policy_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("coverage_id"),
    )
    op.create_index("ix_coverages_policy_id", "coverages", ["policy_id"], unique=False)


def _create_premiums() -> None:
    op.create_table(
        "premiums",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("policy_id", sa.String(length=36), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2, asdecimal=False), nullable=False),
        sa.Column("payment_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("transaction_id", sa.String(length=40), nullable=True),
        sa.Column("payment_method", sa.String(length=20), nullable=False),
        sa.Column("payment_gateway", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.policy_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_premiums_payment_date", "premiums", ["payment_date"], unique=False)
    op.create_index("ix_premiums_policy", "premiums", ["policy_id", "due_date"], unique=False)


def _create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("ticket_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.String(length=20), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("policy_id", sa.String(length=36), nullable=True),
        sa.Column("assigned_to", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["assigned_to"],
            ["users.user_id"],
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["policyholders.policyholder_id"],
        ),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.policy_id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("ticket_id"),
    )
    op.create_index("ix_tickets_all", "tickets", ["created_at", "ticket_id"], unique=False)
    op.create_index("ix_tickets_customer_id", "tickets", ["customer_id"], unique=False)
    op.create_index("ix_tickets_policy_id", "tickets", ["policy_id"], unique=False)
    op.create_index("ix_tickets_status", "tickets", ["status", "created_at", "ticket_id"], unique=False)
