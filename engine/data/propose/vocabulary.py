"""What businesses call the columns and tables of the contract, in Chinese and English.

A word stands for a column when it is the whole name, or one of the name's parts (`order_time` has
the parts `order` and `time`). Words earlier in a list say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

USER = (
    "user_id userid uid customer_id customerid cust_id client_id member_id learner_id student_id "
    "subscriber_id account_id msisdn_hash msisdn party_id enrollment_id user customer client "
    "member learner student subscriber "
    "用户id 用户编号 用户号 客户id 客户编号 客户号 会员号 会员id 学员id 学员编号 "
    "用户 客户 会员 学员"
)
HAPPENED = (
    "occurred_at event_time happened_at order_time order_date paid_at paid_on executed_at "
    "charged_at started_at start_time created_at created_time opened_time opened_at invoicedate "
    "timestamp ts time datetime date day 发生时间 事件时间 下单时间 支付时间 创建时间 时间 日期"
)
ENDED = "finished_at ended_at stopped_at end_time finish_time 结束时间"
KNOWN = "known_at booked_at loaded_at ingested_at received_at etl_time 入账时间 入库时间"
CONTENT = (
    "content_id course_id lesson_id item_id video_id article_id book_id 课程id 内容id 课程编号"
)
PRICE = "price monthly_fee monthly_charge monthlycharges fee 价格 月费 资费"

COLUMNS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "users": {
            "user_id": USER,
            "signed_up_at": "signed_up_at registered_at registration_date signup_date sign_up "
            "joined_at joined_on joined enrolled_at activated_on opened_on created_at "
            "created_time 注册时间 注册日期 开户日期 入会时间 入学时间",
            "name": "name full_name nickname username 姓名 昵称",
            "email": "email e_mail mail 邮箱 电子邮箱",
            "phone": "phone mobile telephone tel 手机 手机号 电话",
            "locale": "locale language lang 语言",
            "timezone": "timezone time_zone tz 时区",
            "city": "city town 城市",
            "channel": "channel acquisition_channel utm_source branch_or_app 渠道 来源",
            "marketing_consent": "marketing_consent agreed_marketing consent newsletter opt_in "
            "optin subscribed_news 营销同意 同意营销",
        },
        "events": {
            "event_id": "event_id log_id transaction_id action_id id 事件id",
            "user_id": USER,
            "occurred_at": HAPPENED,
            "known_at": KNOWN,
            "kind": "kind event_name event_type event action activity transaction_type type "
            "service verb 行为 事件 事件名 动作 类型",
            "content_id": CONTENT,
            "duration_s": "duration_s seconds duration call_seconds watch_seconds 时长 秒数",
            "value": "value megabytes amount score progress 数值 金额 流量",
            "device": "device platform os client_type 设备 终端",
        },
        "payments": {
            "payment_id": "payment_id order_id order_no orderid invoice invoice_no receipt_no "
            "transaction_id charge_id id 订单号 订单编号 支付单号",
            "user_id": USER,
            "occurred_at": HAPPENED,
            "known_at": KNOWN,
            "amount": "amount paid_amount amount_fen amount_cents total_amount total revenue paid "
            "dollars price fee sales 金额 实付 实付金额 支付金额",
            "currency": "currency 币种",
            "status": "status state payment_status order_status 状态 支付状态 订单状态",
            "product": "product product_id sku item category description 商品 品类 产品",
            "coupon_code": "coupon_code coupon promo_code discount_code voucher 优惠券 券码",
        },
        "subscriptions": {
            "subscription_id": "subscription_id contract_id membership_id policy_id id 合同号 "
            "会员单号",
            "user_id": USER,
            "plan": "plan plan_name tariff package tier contract_type 套餐 方案 会员类型",
            "started_at": "started_at start_date start_time starts_at begin_date valid_from "
            "effective_from 开始时间 生效日期 开始日期",
            "ends_at": "ends_at end_date end_time expires_at expiry expire_date valid_to "
            "valid_until 结束时间 到期时间 到期日期",
            "cancelled_at": "cancelled_at canceled_at cancel_date cancel_time 取消时间",
            "auto_renew": "auto_renew autorenew auto_renewal 自动续费",
            "price": PRICE,
            "known_at": KNOWN,
            "trial": "trial is_trial free_trial 试用",
            "paused_at": "paused_at pause_date 暂停时间",
            "resumes_at": "resumes_at resume_date 恢复时间",
        },
        "contents": {
            "content_id": f"{CONTENT} product_id sku id",
            "title": "title course_name name headline 标题 名称 课程名",
            "topic": "topic subject category genre 主题 学科 分类",
            "author": "author teacher lecturer narrator 作者 讲师",
            "format": "format media_type 形式",
            "minutes": "minutes length_minutes duration_minutes 分钟 时长",
            "price": "price list_price 价格 定价",
            "published_at": "published_at publish_date release_date 发布时间 上线时间",
            "description": "description summary intro 简介 描述",
        },
        "messages": {
            "message_id": "message_id ticket_id complaint_id review_id comment_id id 工单号",
            "user_id": USER,
            "occurred_at": HAPPENED,
            "known_at": KNOWN,
            "text": "text content body message comment complaint 内容 正文 反馈",
            "rating": "rating score stars nps 评分 星级",
            "status": "status state 状态",
            "resolved_at": "resolved_at closed_at solved_at resolved_time 解决时间 关闭时间",
        },
        "outcomes": {
            "user_id": USER,
            "label": "label churn churned exited attrition dropout left is_churn 流失 是否流失",
            "as_of": "as_of snapshot_date 统计日期",
        },
    }
)

NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "users": ("user_id",),
        "events": ("user_id", "occurred_at", "kind"),
        "payments": ("user_id", "occurred_at", "amount"),
        "subscriptions": ("user_id", "started_at", "ends_at"),
        "contents": ("content_id", "title"),
        "messages": ("user_id", "occurred_at", "text"),
        "outcomes": ("user_id", "label"),
    }
)
"""Without these a source is not taken for the table."""

FILES: Mapping[str, str] = MappingProxyType(
    {
        "users": "users user customers customer clients members learners students subscribers "
        "accounts profiles 用户 客户 会员 学员",
        "events": "events event log logs activity activities clicks usage transactions behaviour "
        "actions sessions learning 日志 行为 用量",
        "payments": "payments payment orders order purchases invoices tuition fees charges sales "
        "订单 支付 缴费",
        "subscriptions": "subscriptions subscription contracts memberships terms policies "
        "合同 会员单",
        "contents": "contents content courses course lessons items products titles 课程 内容",
        "messages": "messages tickets complaints reviews comments feedback 工单 投诉 评论",
        "outcomes": "outcomes labels churn 流失",
    }
)

TIMES = ("occurred_at", "known_at", "signed_up_at", "started_at", "ends_at", "cancelled_at",
         "published_at", "resolved_at", "paused_at", "resumes_at", "as_of")  # fmt: skip
NUMBERS = ("duration_s", "value", "amount", "price", "minutes", "rating")
TRUTHS = ("marketing_consent", "auto_renew", "trial", "label")

STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "succeeded": "success succeeded paid complete completed settled done ok "
        "成功 已完成 已支付 完成",
        "failed": "fail failed declined rejected error 失败 支付失败",
        "refunded": "refund refunded returned chargeback 退款 退费 已退 退货",
    }
)

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "lesson_started": "lesson_start video_start play video watch start_lesson 开始学习 观看",
        "lesson_finished": "lesson_complete video_complete quiz finish_lesson 学完",
        "audio_played": "audio listen audio_play 听书 收听",
        "column_read": "read article read_article 阅读",
        "live_joined": "live live_class join_live 直播",
        "favourite": "favorite like collect wishlist 收藏",
        "note_written": "note notes write_note 笔记",
        "share": "shared 分享",
        "search": "query searched 搜索",
        "purchase_viewed": "view product_view view_item pricing 浏览商品",
        "cancel_page_viewed": "cancel_page cancel_view unsubscribe_page 取消页",
        "login_failed": "login_fail login_error 登录失败",
    }
)
"""Kinds of events that features know by name, and what else they are called."""

SENSITIVE = frozenset(
    {
        *("gender", "sex", "age", "birth", "birthday", "birthdate", "birth_year", "race"),
        *("ethnicity", "religion", "nationality", "seniorcitizen", "senior_citizen"),
        *("marital", "married", "disability", "性别", "年龄", "生日", "民族", "婚姻"),
    }
)
"""Never features: they go to `user_sensitive`, which only the fairness report reads."""
